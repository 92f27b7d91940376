/* SPDX-License-Identifier: PostgreSQL */
/*
 * confine.c - see confine.h.  A filter of calls to the kernel (seccomp), which
 * needs no right, once no program can give any (PR_SET_NO_NEW_PRIVS).
 *
 * It names what is refused, not what is allowed: libpq, libcurl, NSS and their
 * next versions may call what they like.  Refused is what none of them has a
 * reason to, and what attacks on kernels begin with.
 */
#include "confine.h"

#ifdef __linux__
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__linux__) && defined(PR_SET_NO_NEW_PRIVS) &&                      \
    (defined(__x86_64__) || defined(__aarch64__))

#ifdef __x86_64__
#define OUR_ARCH AUDIT_ARCH_X86_64
#else
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif
#define X32_BIT 0x40000000u /* another set of numbers, for the same calls */

/* clang-format off */
static const uint32_t refused[] = {
	/* Other processes. */
	SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,
	/* The kernel. */
	SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
	SYS_bpf, SYS_perf_event_open, SYS_syslog,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
#ifdef SYS_userfaultfd
	SYS_userfaultfd,
#endif
#ifdef SYS_io_uring_setup
	SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
#endif
#ifdef SYS_pidfd_getfd
	SYS_pidfd_getfd,
#endif
#ifdef SYS_iopl
	SYS_iopl, SYS_ioperm,
#endif
	/* What others see as their files, clock and machine. */
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare,
	SYS_setns, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_acct,
	SYS_quotactl, SYS_settimeofday, SYS_clock_settime, SYS_sethostname,
	SYS_setdomainname, SYS_personality, SYS_open_by_handle_at, SYS_vhangup,
#ifdef SYS_fsopen
	SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
	SYS_fspick,
#endif
#ifdef SYS_mount_setattr
	SYS_mount_setattr,
#endif
};
/* Kerberos keeps tickets of libpq's in keys of the kernel. */
static const uint32_t refused_alone[] = { SYS_execve, SYS_execveat, SYS_keyctl,
	SYS_add_key, SYS_request_key };
/* clang-format on */

#define N_REFUSED (sizeof refused / sizeof refused[0])
#define N_ALONE (sizeof refused_alone / sizeof refused_alone[0])
#define HEAD 5u
#define PROGRAM_MAX (HEAD + N_REFUSED + N_ALONE + 2)

/* Every jump goes forward over less than 256 steps. */
_Static_assert(PROGRAM_MAX < 255, "too many calls for one filter");

static struct sock_filter
step(unsigned code, uint32_t k, size_t if_so, size_t if_not)
{
	struct sock_filter f = { (uint16_t)code, (uint8_t)if_so,
		(uint8_t)if_not, k };

	return f;
}

/* The number of steps: load, refuse what is on the list, allow the rest. */
static size_t
make_filter(struct sock_filter *f, bool alone)
{
	size_t n = N_REFUSED + (alone ? N_ALONE : 0), refuse = HEAD + n + 1;
	const unsigned load = BPF_LD | BPF_W | BPF_ABS;
	const unsigned equal = BPF_JMP | BPF_JEQ | BPF_K;
	size_t at = 0;

	f[at++] = step(load, offsetof(struct seccomp_data, arch), 0, 0);
	f[at++] = step(equal, OUR_ARCH, 1, 0);
	f[at++] = step(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
	f[at++] = step(load, offsetof(struct seccomp_data, nr), 0, 0);
	f[at] = step(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, refuse - at - 1, 0);
	at++;
	for (size_t i = 0; i < n; i++, at++)
		f[at] = step(equal,
		    i < N_REFUSED ? refused[i] : refused_alone[i - N_REFUSED],
		    refuse - at - 1, 0);
	f[at++] = step(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	f[at++] = step(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM, 0, 0);
	return at;
}

void
confine(bool alone)
{
	struct sock_filter filter[PROGRAM_MAX];
	struct sock_fprog program = { 0, filter };

	program.len = (unsigned short)make_filter(filter, alone);
	/* Threads that there are already as well. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		(void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_TSYNC, &program);
}

#else

void
confine(bool alone)
{
	(void)alone;
}

#endif
