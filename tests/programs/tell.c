/*
 * tell.c - prints its state, a line for each fact, with the argument before it: ids,
 * groups, capabilities, securebits, umask, limits.
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const char *const told[] = {"Umask", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
	"NoNewPrivs"};

int main(int argc, char **argv)
{
	char line[4096];
	FILE *status = fopen("/proc/self/status", "r");
	const char *who = argc > 1 ? argv[1] : "self";

	if (!status)
		return 96;
	while (fgets(line, sizeof line, status))
		for (size_t i = 0; i < sizeof told / sizeof *told; i++)
			if (strncmp(line, told[i], strlen(told[i])) == 0 && line[strlen(told[i])] == ':')
				printf("%s %s", who, line);
	printf("%s Securebits:\t%d\n", who, prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	for (int r = 0; r < RLIM_NLIMITS; r++) {
		struct rlimit l;
		getrlimit(r, &l);
		printf("%s Limit%d:\t%lld %lld\n", who, r, (long long)l.rlim_cur, (long long)l.rlim_max);
	}
	return 0;
}
