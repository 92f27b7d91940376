/* SPDX-License-Identifier: PostgreSQL */
/* sim_wrap.h - the functions that sim_wrap.c takes the place of. */
#ifndef SNAP_TEST_SIM_WRAP_H
#define SNAP_TEST_SIM_WRAP_H

#include <pthread.h>
#include <time.h>

#define WRAPPED(name, ...)                                                     \
	int __real_##name(__VA_ARGS__);                                        \
	int __wrap_##name(__VA_ARGS__)

WRAPPED(pthread_mutex_lock, pthread_mutex_t *m);
WRAPPED(pthread_mutex_trylock, pthread_mutex_t *m);
WRAPPED(pthread_mutex_unlock, pthread_mutex_t *m);
WRAPPED(pthread_cond_wait, pthread_cond_t *c, pthread_mutex_t *m);
WRAPPED(pthread_cond_signal, pthread_cond_t *c);
WRAPPED(pthread_cond_broadcast, pthread_cond_t *c);
WRAPPED(pthread_create, pthread_t *out, const pthread_attr_t *attr,
    void *(*fn)(void *), void *arg);
WRAPPED(pthread_join, pthread_t thread, void **result);
WRAPPED(clock_gettime, clockid_t id, struct timespec *ts);

#endif
