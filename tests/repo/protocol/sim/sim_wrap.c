/* SPDX-License-Identifier: PostgreSQL */
/*
 * sim_wrap.c - where threads of the real code wait for each other they hand
 * the baton on, and the clocks that they read are those of their machine.
 *
 * A condition may wake who waits without reason, so a signal wakes all.
 */
#include "sim_wrap.h"
#include "sim.h"

int
__wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
	return sim_wait_mutex(m) ? 0 : __real_pthread_mutex_lock(m);
}

int
__wrap_pthread_mutex_trylock(pthread_mutex_t *m)
{
	return __real_pthread_mutex_trylock(m);
}

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *m)
{
	int rc = __real_pthread_mutex_unlock(m);

	sim_free_mutex(m);
	return rc;
}

int
__wrap_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	if (sim_self() == NULL)
		return __real_pthread_cond_wait(c, m);
	(void)__wrap_pthread_mutex_unlock(m);
	(void)sim_wait_cond(c);
	return __wrap_pthread_mutex_lock(m);
}

int
__wrap_pthread_cond_signal(pthread_cond_t *c)
{
	sim_wake_cond(c);
	return sim_self() == NULL ? __real_pthread_cond_signal(c) : 0;
}

int
__wrap_pthread_cond_broadcast(pthread_cond_t *c)
{
	sim_wake_cond(c);
	return sim_self() == NULL ? __real_pthread_cond_broadcast(c) : 0;
}

int
__wrap_pthread_create(
    pthread_t *out, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	int rc;

	return sim_thread(out, fn, arg, &rc)
		   ? rc
		   : __real_pthread_create(out, attr, fn, arg);
}

int
__wrap_pthread_join(pthread_t thread, void **result)
{
	return sim_join(thread) ? 0 : __real_pthread_join(thread, result);
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t ns;

	if (!sim_clock(id, &ns))
		return __real_clock_gettime(id, ts);
	ts->tv_sec = (time_t)(ns / SECOND);
	ts->tv_nsec = (long)(ns % SECOND);
	return 0;
}
