/* keyring.c - prints the session keyring of the process: type, owner, group,
 * permissions, name (keyctl(2)). */
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	char text[200] = "";

	if (syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof text) < 0)
		perror("keyctl");
	puts(text);
	return 0;
}
