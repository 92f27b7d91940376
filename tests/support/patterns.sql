-- SPDX-License-Identifier: PostgreSQL
-- Names on which a pattern can go wrong.
SET client_min_messages = warning;
DO $$ DECLARE s text; t text; BEGIN
  FOREACH s IN ARRAY '{public,den,Den,d.e,d*,pgx,information,"q\"q"}'::text[]
  LOOP
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', s);
    EXECUTE format('CREATE TABLE %I.t (a int)', s);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['T', 't.t', 'a*b', 'acb', 'a?b', 'a$b', 'a"b',
    '[x]', 'x', 'x[]', 'y1', 'y2', 'y10', 'Y1', 'ÄÖ', 'äö', 'a|b', '(p)', 'p',
    'a\b', 'b', 'sp ace', '^c', 'c', 'r{2}', 'rr', '+', '-dash', 'a''b', 'ab',
    'den', 'den.t', 'y', '.', '*', 'select', '$', 'zz', 'z-z', 'u_v', 'uxv',
    '"', '""'] LOOP
    EXECUTE format('CREATE TABLE %I (a int)', t);
  END LOOP;
END $$;
CREATE TABLE den.y1 (a int); CREATE TABLE den."Y2" (a int);
CREATE TABLE parent (a int) PARTITION BY LIST (a);
CREATE TABLE child PARTITION OF parent FOR VALUES IN (1);
CREATE VIEW view AS SELECT 1 AS a; CREATE SEQUENCE seq;
CREATE MATERIALIZED VIEW matview AS SELECT 1 AS a;
CREATE TABLE owner (id serial);
