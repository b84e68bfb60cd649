/* drop.c - a set-uid program that gives up root the way many programs do: without
 * checking the result. It prints what it is afterwards. */
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
