/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_sftp.c - a store on an SFTP server keeps the contract.
 *
 * contract.sh starts the server and says by the environment where it is:
 * SFTP_URL (without a path; sessions start in the directory of the data),
 * SFTP_KNOWN_HOSTS and SFTP_KEY; SFTP_PID is the server's process, whose
 * children are its connections.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sftp_store.h"

#define N_THREADS 6
#define N_ROUNDS 5

static void
a_handle_outlives_its_connections(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	void *url;

	(void)state;
	connections = "1"; /* one that breaks, not several in turns */
	t = open_new(&url);
	connections = NULL;
	assert_int_equal(
	    transport_put(t, "a/x", span_str("x"), NULL, &err), SNAP_OK);
	signal_sessions(SIGKILL);
	/* That may be seen at once, or in the midst of an operation. */
	if (transport_stat(t, "a/x", &st, &err) == SNAP_TRANSIENT &&
	    transport_stat(t, "a/x", &st, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(st.size, 1);
	transport_close(t);
	destroy(url);
}

/* Puts one object after another, each until it is there; does so as long as
 * `*more`, and for N_ROUNDS at least. */
struct putter {
	struct transport *t;
	unsigned id;
	atomic_uint *n_again, *n_wrong, *more;
};

static void *
put_on(void *arg)
{
	struct putter *p = arg;
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t *data = malloc(BIG);
	enum snap_code rc;
	char name[64];

	if (data == NULL)
		abort();
	memset(data, (int)p->id + 1, BIG);
	for (unsigned i = 0; i < N_ROUNDS || atomic_load(p->more) > 0; i++) {
		(void)snprintf(name, sizeof name, "big/%u-%u", p->id, i);
		while ((rc = transport_put(p->t, name, span_of(data, BIG), NULL,
			    &err)) == SNAP_TRANSIENT)
			atomic_fetch_add(p->n_again, 1);
		if (rc != SNAP_OK) {
			fprintf(stderr, "%s\n", err.msg);
			atomic_fetch_add(p->n_wrong, 1);
		}
	}
	free(data);
	return NULL;
}

static enum snap_code
is_whole(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct bytes b;
	enum snap_code rc;

	bytes_init(&b, BIG);
	rc = transport_get(arg, name, 0, SIZE_MAX, &b, err);
	if (rc == SNAP_OK && (st->size != BIG || b.len != BIG ||
				 memcmp(b.p, b.p + 1, BIG - 1) != 0))
		rc = snap_fail(err, SNAP_CORRUPT, "%s is not whole", name);
	bytes_fini(&b);
	return rc;
}

static void
puts_go_on_when_connections_die(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct putter p[N_THREADS];
	pthread_t id[N_THREADS];
	atomic_uint n_again, n_wrong, more;
	struct transport *t;
	enum snap_code rc;
	void *url;

	(void)state;
	t = open_new(&url);
	atomic_init(&n_again, 0);
	atomic_init(&n_wrong, 0);
	atomic_init(&more, 1);
	for (unsigned i = 0; i < N_THREADS; i++) {
		p[i] = (struct putter){ t, i, &n_again, &n_wrong, &more };
		assert_int_equal(
		    pthread_create(&id[i], NULL, put_on, &p[i]), 0);
	}
	/* One that dies between two puts, or logging in, is not missed: ever
	 * more time, so that puts begin however slow the logins are. */
	for (int i = 0; i < 6 || atomic_load(&n_again) == 0; i++) {
		pause_ms(70 + 30 * i);
		signal_sessions(SIGKILL);
	}
	atomic_store(&more, 0);
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_join(id[i], NULL), 0);
	assert_int_equal(atomic_load(&n_wrong), 0);
	/* The last ones that died may not have been used since. */
	while ((rc = transport_list(t, "big/", is_whole, t, &err)) ==
	       SNAP_TRANSIENT)
		continue;
	if (rc != SNAP_OK)
		fail_msg("%s", err.msg);
	transport_close(t);
	destroy(url);
}

static void *
stat_once(void *arg)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	enum snap_code rc = transport_stat(arg, "a/x", &st, &err);

	if (rc != SNAP_NOTFOUND && rc != SNAP_TRANSIENT)
		fprintf(stderr, "%s\n", err.msg);
	return rc == SNAP_NOTFOUND || rc == SNAP_TRANSIENT ? NULL : arg;
}

static void
a_line_that_dies_in_the_login_is_no_refusal(void **state)
{
	struct transport *t;
	pthread_t id;
	void *url, *wrong;

	(void)state;
	t = open_new(&url);
	/* From before the server knows of us until it serves us. */
	for (int i = 0; i < 60; i++) {
		signal_sessions(SIGKILL);
		assert_int_equal(pthread_create(&id, NULL, stat_once, t), 0);
		pause_ms(i);
		signal_sessions(SIGKILL);
		assert_int_equal(pthread_join(id, &wrong), 0);
		assert_null(wrong);
	}
	transport_close(t);
	destroy(url);
}

static void
others_come_with_the_first(void **state)
{
	struct transport *t;
	void *url;

	(void)state;
	while (n_sessions() > 0) /* of other tests */
		pause_ms(20);
	t = open_new(&url);
	/* Though nothing is asked of it. */
	while (n_sessions() < 4)
		pause_ms(20);
	transport_close(t);
	destroy(url);
}

static void
one_connection_does_when_no_other_comes(void **state)
{
	struct putter p[N_THREADS];
	pthread_t id[N_THREADS];
	atomic_uint n_again, n_wrong, more;
	struct transport *t;
	void *url;

	(void)state;
	t = open_new(&url);
	atomic_init(&n_again, 0);
	atomic_init(&n_wrong, 0);
	atomic_init(&more, 0);
	/* It accepts nobody; who is in already is served. */
	(void)kill((pid_t)strtol(env("SFTP_PID"), NULL, 10), SIGSTOP);
	for (unsigned i = 0; i < N_THREADS; i++) {
		p[i] = (struct putter){ t, i, &n_again, &n_wrong, &more };
		assert_int_equal(
		    pthread_create(&id[i], NULL, put_on, &p[i]), 0);
	}
	for (unsigned i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_join(id[i], NULL), 0);
	/* This does not wait for those that were never answered. */
	transport_close(t);
	(void)kill((pid_t)strtol(env("SFTP_PID"), NULL, 10), SIGCONT);
	assert_int_equal(atomic_load(&n_wrong), 0);
	assert_int_equal(atomic_load(&n_again), 0);
	destroy(url);
}

static void
get_part(
    struct transport *t, uint64_t off, enum snap_code want, const char *text)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	bytes_init(&b, 100);
	bytes_put_str(&b, "=");
	assert_int_equal(transport_get(t, "a/x", off, 2, &b, &err), want);
	if (want == SNAP_OK) {
		assert_int_equal(b.len, 3);
		assert_memory_equal(b.p + 1, text, 2);
	} else {
		assert_int_equal(b.len, 1);
	}
	bytes_fini(&b);
}

static void
a_file_that_stays_open_is_still_the_object(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t, *other;
	void *url;

	(void)state;
	connections = "1"; /* so that it is the one with the file */
	t = open_new(&url);
	connections = NULL;
	other = again(url);
	assert_int_equal(
	    transport_put(t, "a/x", span_str("abcdef"), NULL, &err), SNAP_OK);
	get_part(t, 1, SNAP_OK, "bc");
	get_part(t, 3, SNAP_OK, "de");
	get_part(t, 5, SNAP_CORRUPT, NULL);
	/* Another has deleted it, and another file has the name. */
	assert_int_equal(transport_delete(other, "a/x", &err), SNAP_OK);
	get_part(t, 1, SNAP_NOTFOUND, NULL);
	assert_int_equal(
	    transport_put(other, "a/x", span_str("ABCDEFG"), NULL, &err),
	    SNAP_OK);
	get_part(t, 1, SNAP_OK, "BC");
	assert_int_equal(transport_delete(other, "a/x", &err), SNAP_OK);
	assert_int_equal(
	    transport_put(other, "a/x", span_str("01234567"), NULL, &err),
	    SNAP_OK);
	get_part(t, 1, SNAP_OK, "12");
	/* We did so ourselves; the new one looks just like the old one. */
	assert_int_equal(transport_delete(t, "a/x", &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "a/x", span_str("76543210"), NULL, &err), SNAP_OK);
	get_part(t, 1, SNAP_OK, "65");
	transport_close(other);
	transport_close(t);
	destroy(url);
}

static void
many_objects_are_read_in_parts(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	char name[32], text[32];
	struct bytes b;
	void *url;

	(void)state;
	connections = "1";
	t = open_new(&url);
	connections = NULL;
	bytes_init(&b, 100);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof name, "a/%d", i);
		(void)snprintf(text, sizeof text, "%08d", i * 7919);
		assert_int_equal(
		    transport_put(t, name, span_str(text), NULL, &err),
		    SNAP_OK);
	}
	/* More than stay open, so that they take turns. */
	for (int i = 0; i < 300; i++) {
		int which = i * i % 30;

		(void)snprintf(name, sizeof name, "a/%d", which);
		(void)snprintf(text, sizeof text, "%08d", which * 7919);
		bytes_clear(&b);
		assert_int_equal(
		    transport_get(t, name, 4, 4, &b, &err), SNAP_OK);
		assert_int_equal(b.len, 4);
		assert_memory_equal(b.p, text + 4, 4);
	}
	bytes_fini(&b);
	transport_close(t);
	destroy(url);
}

static void
a_silent_server_is_given_up(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	enum snap_code rc;
	void *url;

	(void)state;
	timeout = "1";
	connections = "1"; /* or others would break as well */
	t = open_new(&url);
	timeout = connections = NULL;
	signal_sessions(SIGSTOP);
	rc = transport_put(t, "a/x", span_str("x"), NULL, &err);
	signal_sessions(SIGKILL);
	assert_int_equal(rc, SNAP_TRANSIENT);
	assert_non_null(strstr(err.msg, "does not answer for 1 s"));
	if (transport_put(t, "a/x", span_str("x"), NULL, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	transport_close(t);
	destroy(url);
}

static atomic_int cancel;

static void *
cancel_soon(void *arg)
{
	(void)arg;
	pause_ms(300);
	atomic_store(&cancel, 1);
	return NULL;
}

/* Both who waits for the server and who waits for a connection. */
static void *
put_and_tell(void *arg)
{
	struct snap_err err = SNAP_ERR_INIT;
	static const char name[] = "a/x";
	enum snap_code rc;

	rc = transport_put(arg, name, span_str("x"), NULL, &err);
	return rc == SNAP_CANCELLED ? arg : NULL;
}

static void
waiting_ends_when_cancelled(void **state)
{
	struct report report = { .cancel = &cancel };
	struct transport_opts opts = making;
	struct snap_err err = SNAP_ERR_INIT;
	pthread_t canceller, other;
	struct transport *t;
	void *url, *told = NULL;
	enum snap_code rc;

	(void)state;
	connections = "1";
	t = open_new(&url);
	transport_close(t);
	opts.report = &report;
	t = open_url(url, &opts);
	connections = NULL;
	signal_sessions(SIGSTOP);
	assert_int_equal(
	    pthread_create(&canceller, NULL, cancel_soon, NULL), 0);
	assert_int_equal(pthread_create(&other, NULL, put_and_tell, t), 0);
	rc = transport_put(t, "a/x", span_str("x"), NULL, &err);
	assert_int_equal(pthread_join(other, &told), 0);
	assert_int_equal(pthread_join(canceller, NULL), 0);
	signal_sessions(SIGKILL);
	atomic_store(&cancel, 0);
	assert_int_equal(rc, SNAP_CANCELLED);
	assert_ptr_equal(told, t);
	transport_close(t);
	destroy(url);
}

static enum snap_code
delete_it(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)st;
	return transport_delete(arg, name, err);
}

static void
one_connection_is_enough(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	void *url;

	(void)state;
	connections = "1";
	t = open_new(&url);
	connections = NULL;
	assert_int_equal(
	    transport_put(t, "a/x", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "b/y", span_str("y"), NULL, &err), SNAP_OK);
	/* The function that lists needs the connection itself. */
	assert_int_equal(transport_list(t, "", delete_it, t, &err), SNAP_OK);
	assert_int_equal(transport_stat(t, "a/x", &st, &err), SNAP_NOTFOUND);
	assert_int_equal(transport_stat(t, "b/y", &st, &err), SNAP_NOTFOUND);
	transport_close(t);
	destroy(url);
}

int
main(void)
{
	struct contract_backend sftp = { "sftp", 1100, open_new, again,
		destroy };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_connection_is_enough),
		cmocka_unit_test(others_come_with_the_first),
		cmocka_unit_test(a_handle_outlives_its_connections),
		cmocka_unit_test(puts_go_on_when_connections_die),
		cmocka_unit_test(a_line_that_dies_in_the_login_is_no_refusal),
		cmocka_unit_test(one_connection_does_when_no_other_comes),
		cmocka_unit_test(a_file_that_stays_open_is_still_the_object),
		cmocka_unit_test(many_objects_are_read_in_parts),
		cmocka_unit_test(
		    gets_that_share_a_connection_get_what_they_asked_for),
		cmocka_unit_test(
		    gets_by_one_connection_fail_together_when_it_breaks),
		cmocka_unit_test(a_silent_server_is_given_up),
		cmocka_unit_test(waiting_ends_when_cancelled),
	};

	if (getenv("SFTP_MANY") != NULL)
		sftp.n_many = (size_t)strtoul(env("SFTP_MANY"), NULL, 10);
	if (getenv("SFTP_CONTRACT_ONLY") != NULL)
		return contract_run(&sftp);
	return contract_run(&sftp) +
	       cmocka_run_group_tests_name("sftp only", tests, NULL, NULL);
}
