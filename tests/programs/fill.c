/* Queues real-time signals to itself until its user may have no more pending,
 * says so, and waits. */
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
