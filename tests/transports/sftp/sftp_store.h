/* SPDX-License-Identifier: PostgreSQL */
/* sftp_store.h - what the tests on an SFTP server have in common. */
#ifndef SNAP_TEST_SFTP_STORE_H
#define SNAP_TEST_SFTP_STORE_H

#include "transport_contract.h"

#define BIG 3000000

/* Settings of the test at hand; NULL: the default. */
extern const char *timeout, *connections;
extern const struct transport_opts making;

const char *env(const char *name);
struct transport *open_url(const char *url, const struct transport_opts *opts);
struct transport *open_new(void **state);
struct transport *again(void *state);
void destroy(void *state);
/* To all that serve a connection. */
void signal_sessions(int sig);
unsigned n_sessions(void);
void pause_ms(long ms);

/* test_share.c */
void gets_that_share_a_connection_get_what_they_asked_for(void **state);
void gets_by_one_connection_fail_together_when_it_breaks(void **state);

#endif
