/* job.c - a job on a terminal. It prints the signals that it gets, and the size of
 * its terminal when that changes. SIGTERM ends it with status 43, SIGHUP with 42. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void say(const char *text)
{
	int log = open("/opt/job.log", O_WRONLY | O_APPEND);

	if (write(1, text, strlen(text)) < 0 && log < 0)
		_exit(1);
	if (log >= 0 && write(log, text, strlen(text)) >= 0)
		close(log);
}

int main(void)
{
	static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCONT, SIGWINCH};
	struct winsize size;
	char text[64];
	sigset_t set;
	int sig;

	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	say("job: ready\n");
	while (sigwait(&set, &sig) == 0) {
		snprintf(text, sizeof text, "job: SIG%s\n", sigabbrev_np(sig));
		if (sig == SIGWINCH && ioctl(0, TIOCGWINSZ, &size) == 0)
			snprintf(text, sizeof text, "job: %d rows\n", size.ws_row);
		say(text);
		if (sig == SIGTERM || sig == SIGHUP)
			return sig == SIGTERM ? 43 : 42;
	}
	return 1;
}
