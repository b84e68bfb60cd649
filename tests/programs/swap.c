/*
 * swap.c - replaces each file that appears in DIR, as soon as it appears, by a
 * symbolic link to FILE. It writes a line when it has begun to watch.
 *
 *   swap DIR FILE
 */
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char events[8192] __attribute__((aligned(8))), path[4096];
	int watch = inotify_init();
	ssize_t n;

	if (argc != 3 || inotify_add_watch(watch, argv[1], IN_CREATE) < 0 || write(1, "!", 1) != 1)
		return 1;
	while ((n = read(watch, events, sizeof events)) > 0)
		for (char *at = events; at < events + n;) {
			struct inotify_event *e = (struct inotify_event *)at;
			snprintf(path, sizeof path, "%s/%s", argv[1], e->name);
			if (unlink(path) == 0 && symlink(argv[2], path) < 0)
				perror(path);
			at += sizeof *e + e->len;
		}
	return 1;
}
