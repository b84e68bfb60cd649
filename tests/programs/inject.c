/*
 * inject.c - runs a program as a user, and lets one system call fail.
 *
 *   inject REPORT N UID GID -- PROGRAM ARGUMENT ...
 *
 * It follows the monitor's leader and the processes that it forks, until exec. It
 * follows neither the front nor other threads. It counts calls from the monitor's
 * fork on. The Nth is not made, and fails with an errno that fits; with N = -1
 * none fails. REPORT gets a line "calls COUNT", the marks of modules/mark.c, and
 * the call that failed. Some calls are not counted, because the Go runtime makes
 * them for itself and ends the process if they fail: futex, signals, time, memory
 * and threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined __x86_64__
#include <sys/reg.h>
#elif defined __aarch64__
#include <elf.h>
#else
#error "how a traced call is skipped is not known for this processor"
#endif

enum role { FREE, FRONT, MONITOR, KID };
static struct task { pid_t pid; enum role role; int failing; } tasks[64];
static FILE *report;
static long count, target;

static struct task *task(pid_t pid)
{
	for (int i = 0; i < 64; i++)
		if (tasks[i].pid == pid)
			return &tasks[i];
	for (int i = 0; i < 64; i++)
		if (!tasks[i].pid) {
			tasks[i] = (struct task){pid, FREE, 0};
			return &tasks[i];
		}
	abort();
}

static void text_of(pid_t pid, uint64_t address, char *to, size_t size)
{
	struct iovec l = {to, size - 1}, r = {(void *)address, size - 1};
	ssize_t n = process_vm_readv(pid, &l, 1, &r, 1, 0);

	to[n > 0 ? n : 0] = 0;
}

static int error_for_open(pid_t pid, uint64_t address)
{
	char path[64], psx[64];

	text_of(pid, address, path, sizeof path);
	snprintf(psx, sizeof psx, "/proc/%d/task", (int)pid);
	return strcmp(path, psx) == 0 ? 0 : EACCES;
}

/* The call that pid is about to make becomes none. */
static void skip(pid_t pid)
{
#if defined __x86_64__
	ptrace(PTRACE_POKEUSER, pid, 8 * ORIG_RAX, -1L);
#elif defined __aarch64__
	int none = -1;
	struct iovec v = {&none, sizeof none};

	ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &v);
#endif
}

static void set_result(pid_t pid, long result)
{
#if defined __x86_64__
	ptrace(PTRACE_POKEUSER, pid, 8 * RAX, result);
#elif defined __aarch64__
	struct user_regs_struct registers;
	struct iovec v = {&registers, sizeof registers};

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v) < 0)
		return;
	registers.regs[0] = (unsigned long)result;
	ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v);
#endif
}

/* The errno that fits a call, or 0 if it is not counted. */
static int error_for(enum role role, pid_t pid, uint64_t nr, const uint64_t *a)
{
	switch (nr) {
	case SYS_futex: case SYS_sched_yield: case SYS_nanosleep: case SYS_clock_nanosleep: case SYS_clock_gettime:
	case SYS_gettimeofday: case SYS_rt_sigreturn: case SYS_sigaltstack: case SYS_tgkill: case SYS_tkill:
	case SYS_madvise: case SYS_brk: case SYS_munmap: case SYS_mprotect: case SYS_exit: case SYS_exit_group:
	case SYS_restart_syscall: case SYS_getpid: case SYS_gettid: case SYS_getuid: case SYS_geteuid: case SYS_getgid:
	case SYS_getegid: case SYS_getppid: case SYS_sched_getaffinity: case SYS_set_robust_list:
#ifdef SYS_arch_prctl
	case SYS_arch_prctl:
#endif
	case SYS_set_tid_address: case SYS_rseq: case SYS_getrandom: case SYS_clone3: case SYS_getdents64: case SYS_close:
	case SYS_umask: case SYS_getpriority: case SYS_execve:
		return nr == SYS_execve && role == KID ? ENOMEM : 0;
	case SYS_fcntl: /* the runtime looks at 0-2 as it starts */
		return role == MONITOR && a[0] < 3 ? 0 : ENOMEM;
	case SYS_mmap:
		return a[3] & MAP_ANONYMOUS ? 0 : ENOMEM;
	case SYS_rt_sigprocmask: case SYS_rt_sigaction:
		return role == KID ? EINVAL : 0;
	case SYS_clone:
		return a[0] & CLONE_THREAD ? 0 : EAGAIN;
#ifdef SYS_fork
	case SYS_fork: case SYS_vfork:
		return EAGAIN;
#endif
#ifdef SYS_open
	case SYS_open:
		return error_for_open(pid, a[0]);
#endif
	case SYS_openat:
		return error_for_open(pid, a[1]);
	case SYS_read: case SYS_write: case SYS_pread64: case SYS_ioctl:
		return EIO;
#ifdef SYS_dup2
	case SYS_dup2:
#endif
	case SYS_pipe2: case SYS_dup: case SYS_dup3: case SYS_socket: case SYS_socketpair: case SYS_pidfd_open:
		return EMFILE;
	case SYS_wait4: case SYS_waitid:
		return EINTR;
	case SYS_prlimit64: case SYS_setrlimit: case SYS_prctl: case SYS_capset: case SYS_capget: case SYS_setgroups:
	case SYS_setresuid: case SYS_setresgid: case SYS_setuid: case SYS_setgid: case SYS_setreuid: case SYS_setregid:
	case SYS_setsid: case SYS_keyctl: case SYS_kill:
		return EPERM;
	}
	return ENOMEM;
}

static void at_call(struct task *t, struct __ptrace_syscall_info *s)
{
	uint64_t nr = s->entry.nr;
	int e;

	if (t->role != MONITOR && t->role != KID)
		return;
	if (nr == SYS_getpriority && s->entry.args[0] >= 7701 && s->entry.args[0] <= 7704 && t->role == MONITOR)
		fprintf(report, "mark %d\n", (int)s->entry.args[0]);
	e = error_for(t->role, t->pid, nr, s->entry.args);
	if (e && count++ == target) {
		fprintf(report, "failed %s call %ld\n", t->role == MONITOR ? "monitor" : "child", (long)nr);
		skip(t->pid);
		t->failing = e;
	}
}

static void forked(struct task *parent)
{
	unsigned long pid;

	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid) < 0)
		return;
	task((pid_t)pid)->role = parent->role == FRONT ? MONITOR : KID;
}

int main(int argc, char **argv)
{
	pid_t first;
	int status, result = 0;

	if (argc < 7 || strcmp(argv[5], "--") || !(report = fopen(argv[1], "w")))
		return 98;
	setlinebuf(report); /* also if the run hangs */
	target = atol(argv[2]);
	uid_t uid = atoi(argv[3]);
	gid_t gid = atoi(argv[4]);
	first = fork();
	if (first == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 || raise(SIGSTOP) != 0 || setgroups(0, NULL) < 0 ||
		    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
			_exit(97);
		execv(argv[6], argv + 6);
		_exit(97);
	}
	if (waitpid(first, &status, 0) != first)
		return 98;
	ptrace(PTRACE_SETOPTIONS, first, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
	       PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC);
	task(first)->role = FRONT;
	ptrace(PTRACE_SYSCALL, first, 0, 0);
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			break;
		struct task *t = task(pid);
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid == first)
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			t->pid = 0;
			continue;
		}
		int sig = WSTOPSIG(status), event = status >> 16, deliver = 0;
		if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
			forked(t);
		} else if (event == PTRACE_EVENT_EXEC) {
			if (t->role == KID) { /* a helper, or the session: not followed any more */
				ptrace(PTRACE_DETACH, pid, 0, 0);
				t->pid = 0;
				continue;
			}
		} else if (sig == (SIGTRAP | 0x80)) {
			struct __ptrace_syscall_info s;
			if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof s, &s) > 0) {
				if (s.op == PTRACE_SYSCALL_INFO_ENTRY)
					at_call(t, &s);
				else if (s.op == PTRACE_SYSCALL_INFO_EXIT && t->failing) {
					set_result(pid, -t->failing);
					t->failing = 0;
				}
			}
		} else if (sig != SIGSTOP || t->role == FRONT) {
			deliver = sig == SIGTRAP ? 0 : sig;
		}
		ptrace(PTRACE_SYSCALL, pid, 0, deliver);
	}
	fprintf(report, "calls %ld\nstatus %d\n", count, result);
	return fclose(report) == 0 ? 0 : 98;
}
