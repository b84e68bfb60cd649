/* stops.c - a session's first process, which other processes stop and continue:
 * without end (stops), or COUNT times and then kill (stops COUNT), while one writes
 * to the terminal. With "leave" it moves into its child's process group instead,
 * and ignores all signals that can be ignored. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void leave_group(void)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	if (setpgid(child, child) < 0 || setpgid(0, child) < 0 || write(1, "moved\n", 6) < 0)
		_exit(1);
	for (;;)
		pause();
}

static void stop(pid_t victim, long times)
{
	static char text[4096];

	memset(text, 'x', sizeof text);
	if (setpgid(0, 0) < 0)
		_exit(1);
	if (fork() == 0)
		while (write(1, text, sizeof text) > 0)
			;
	while (times < 0 || times-- > 0) {
		kill(victim, SIGSTOP);
		usleep(200);
		kill(victim, SIGCONT);
		usleep(100);
	}
	kill(victim, SIGKILL);
	_exit(0);
}

int main(int argc, char **argv)
{
	pid_t self = getpid();

	if (argc > 1 && !strcmp(argv[1], "leave"))
		leave_group();
	signal(SIGTTOU, SIG_IGN);
	if (fork() == 0)
		stop(self, argc > 1 ? atol(argv[1]) : -1);
	for (;;)
		pause();
}
