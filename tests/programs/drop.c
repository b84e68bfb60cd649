/* drop.c - installed set-uid root: it gives up root the way many programs do,
 * without looking whether that worked, and says who it is then. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	if (geteuid() != 0)
		return puts("never privileged"), 0;
	if (setuid(getuid()) < 0)
		perror("setuid");
	return puts(geteuid() == 0 || setuid(0) == 0 ? "still root" : "dropped"), 0;
}
