-- SPDX-License-Identifier: PostgreSQL
-- evolve.sql - a shop's database on its day 0 and on the days after.
--
-- psql -v day=N -v scale=S: everything is computed from numbers, so the same
-- day gives the same rows everywhere.  Scale 1 is about 0.7 GiB as a dump.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET synchronous_commit = off;
SET search_path = shop, pg_catalog;

SELECT :day = 0 AS first \gset
\if :first
CREATE SCHEMA shop;
CREATE TABLE days (day int, customers bigint, orders bigint, lines bigint,
    events bigint, documents bigint, blobs bigint, sessions bigint);
CREATE TABLE words (n int PRIMARY KEY, word text);
INSERT INTO words SELECT i, substr(md5('w' || i), 1, 2 + i % 9)
  FROM generate_series(0, 1999) i;
-- A number in [0, m) out of two; as good as random, always the same.
CREATE FUNCTION pick(a bigint, b bigint, m bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT (hashint8extended(a, b) & 9223372036854775807) % m $$;
CREATE FUNCTION prose(a bigint, b bigint, many int) RETURNS text
  LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  r text := '';
  n bigint;
BEGIN
  FOR i IN 1 .. many LOOP
    -- Low numbers are common words.
    n := shop.pick(a * 1000003 + i, b, 2000) *
        shop.pick(a * 1000003 + i, b + 1, 2000) / 2000;
    r := r || ' ' || substr(md5('w' || n), 1, (2 + n % 9)::int);
  END LOOP;
  RETURN substr(r, 2);
END $$;
CREATE TABLE customers (id bigint PRIMARY KEY, name text, mail text,
    city text, since date, balance numeric(12, 2), note text);
CREATE TABLE orders (id bigint, customer bigint, placed timestamp,
    status text, total numeric(12, 2), remark text,
    PRIMARY KEY (id, placed)) PARTITION BY RANGE (placed);
SELECT format('CREATE TABLE orders_%s PARTITION OF orders
    FOR VALUES FROM (%L) TO (%L)', to_char(m, 'YYYY_MM'), m,
    m + interval '1 month')
  FROM generate_series(timestamp '2024-01-01', '2025-06-01', '1 month') m
\gexec
CREATE TABLE lines (order_id bigint, n int, article int, quantity int,
    price numeric(10, 2));
CREATE TABLE events (id bigint PRIMARY KEY, at timestamp, body jsonb);
CREATE TABLE documents (id bigint PRIMARY KEY, title text, body text);
CREATE TABLE blobs (id bigint PRIMARY KEY, kind text, body bytea);
CREATE TABLE sessions (id uuid PRIMARY KEY, customer bigint, seen timestamp,
    agent text);
INSERT INTO days VALUES (-1, 0, 0, 0, 0, 0, 0, 0);
\endif

-- How many there were, and how many more there will be.
SELECT customers AS c0, orders AS o0, lines AS l0, events AS e0,
       documents AS d0, blobs AS b0, sessions AS s0
  FROM days ORDER BY day DESC LIMIT 1 \gset
SELECT (300000 * :scale * f)::bigint AS c, (1500000 * :scale * f)::bigint AS o,
       (3500000 * :scale * f)::bigint AS l, (1000000 * :scale * f)::bigint AS e,
       (20000 * :scale * f)::bigint AS d, (5000 * :scale * f)::bigint AS b,
       (500000 * :scale * CASE WHEN :day = 0 THEN 1 ELSE 0.05 END)::bigint AS s
  FROM (SELECT CASE WHEN :day = 0 THEN 1 ELSE 0.01 END AS f) x \gset
SELECT :c0 + :c AS c1, :o0 + :o AS o1, :l0 + :l AS l1, :e0 + :e AS e1,
       :d0 + :d AS d1, :b0 + :b AS b1, :s0 + :s AS s1 \gset

-- What goes and what changes, among what is there from the days before.
DELETE FROM sessions WHERE pick(customer, :day, 200) = 0 OR seen <
    timestamp '2025-01-01' + :s1 / 25 * :day * interval '1 second';
DELETE FROM events WHERE id < :e1 / 100 * :day;
UPDATE customers SET balance = balance + pick(id, :day, 10000) / 100.0
  WHERE pick(id, :day, 200) = 0 OR id < :c0 / 200;
UPDATE orders SET status = 'sent', remark = remark || ' sent on ' || :day
  WHERE id >= :o0 - :o0 / 100 AND :day > 0;
UPDATE lines SET quantity = quantity + 1
  WHERE order_id >= (:l0 - :l0 / 50) * 3 / 7 AND :day > 0;
UPDATE documents SET body = overlay(body PLACING prose(id, :day, 8)
    FROM 1 + pick(id, :day, 2000)::int FOR 40)
  WHERE pick(id, :day, 100) = 0;
UPDATE events SET body = body || jsonb_build_object('seen', :day)
  WHERE pick(id, :day, 300) = 0;

INSERT INTO customers SELECT i, prose(i, 1, 2), md5(i::text) || '@example.org',
    (SELECT word FROM words WHERE n = pick(i, 2, 500)),
    date '2010-01-01' + pick(i, 3, 5000)::int, pick(i, 4, 1000000) / 100.0,
    prose(i, 5, pick(i, 6, 12)::int)
  FROM generate_series(:c0, :c1 - 1) i;
INSERT INTO orders SELECT i, pick(i, 7, :c1), timestamp '2024-01-01' +
    CASE WHEN :day = 0 THEN pick(i, 8, 365) * interval '1 day'
         ELSE (365 + :day) * interval '1 day' END +
    pick(i, 9, 86400) * interval '1 second', 'new',
    pick(i, 10, 100000) / 100.0, prose(i, 11, pick(i, 12, 6)::int)
  FROM generate_series(:o0, :o1 - 1) i;
INSERT INTO lines SELECT i * 3 / 7, i % 5, pick(i, 13, 20000),
    1 + pick(i, 14, 9), pick(i, 15, 100000) / 100.0
  FROM generate_series(:l0, :l1 - 1) i;
INSERT INTO events SELECT i, timestamp '2024-01-01' + i * interval '7 second',
    jsonb_build_object('type', (ARRAY['view', 'click', 'buy', 'leave'])[1 +
        pick(i, 16, 4)], 'customer', pick(i, 17, :c1), 'page',
        '/' || replace(prose(i, 18, 3), ' ', '/'), 'took', pick(i, 19, 5000),
        'client', jsonb_build_object('ip', '10.' || pick(i, 20, 256) || '.' ||
        pick(i, 21, 256) || '.' || pick(i, 22, 256), 'lang', 'en', 'agent',
        (SELECT string_agg(word, '/') FROM words
           WHERE n BETWEEN pick(i, 23, 40) * 10 AND pick(i, 23, 40) * 10 + 9)))
  FROM generate_series(:e0, :e1 - 1) i;
INSERT INTO documents SELECT i, prose(i, 24, 5), prose(i, 25,
    500 + pick(i, 26, 1500)::int) FROM generate_series(:d0, :d1 - 1) i;
INSERT INTO blobs SELECT i, 'image', (SELECT string_agg(decode(md5(i || 'b' ||
    k), 'hex'), '') FROM generate_series(1, 500) k)
  FROM generate_series(:b0, :b1 - 1) i;
INSERT INTO sessions SELECT md5('s' || i)::uuid, pick(i, 27, :c1),
    timestamp '2025-01-01' + i * interval '1 second', prose(i, 28, 4)
  FROM generate_series(:s0, :s1 - 1) i;
INSERT INTO days VALUES (:day, :c1, :o1, :l1, :e1, :d1, :b1, :s1);
VACUUM;
