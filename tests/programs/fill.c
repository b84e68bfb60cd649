/* fill.c - queues real-time signals to itself up to its user's limit of pending
 * signals. Then it writes a line, and waits. */
#include <signal.h>
#include <unistd.h>

int main(void)
{
	union sigval v = {0};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	while (sigqueue(getpid(), SIGRTMIN + 1, v) == 0)
		;
	if (write(1, "!", 1) != 1)
		return 1;
	for (;;)
		pause();
}
