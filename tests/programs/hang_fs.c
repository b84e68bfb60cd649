/*
 * hang_fs.c - a file system with one file, "file", that does not answer. A caller
 * can have one by FUSE, or from a server that is gone.
 *
 * Usage, as root: hang_fs WHAT DIRECTORY
 *   WHAT  read    reading is never answered
 *         poll    the same, but poll(2) says that there is something to read
 *         write   writing is never answered
 *         deaf    reading, writing and poll(2) are never answered
 *
 * It writes a line to standard output for each reader or writer that waits. It
 * ends at the end of its standard input; then no process waits any longer.
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORY = FUSE_ROOT_ID, FILE_ITSELF };

static const char *what;

static int is(const char *name)
{
	return strcmp(what, name) == 0;
}

static struct stat attributes(fuse_ino_t ino)
{
	struct stat st = {.st_ino = ino, .st_nlink = 1, .st_mode = S_IFREG | 0666, .st_size = 1 << 20};

	if (ino == DIRECTORY)
		st.st_mode = S_IFDIR | 0755;
	return st;
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {.ino = FILE_ITSELF, .attr = attributes(FILE_ITSELF)};

	if (parent != DIRECTORY || strcmp(name, "file") != 0)
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &e);
}

static void getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = attributes(ino);

	(void)fi;
	fuse_reply_attr(req, &st, 0); /* asked anew each time */
}

static void setattr(fuse_req_t req, fuse_ino_t ino, struct stat *to, int set, struct fuse_file_info *fi)
{
	struct stat st = attributes(ino);

	(void)to, (void)set, (void)fi;
	fuse_reply_attr(req, &st, 0);
}

static void open_file(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->direct_io = 1;
	fi->noflush = 1; /* so that close does not wait for another process's write */
	fuse_reply_open(req, fi);
}

static void say(const char *text)
{
	dprintf(1, "%s\n", text);
}

static void read_file(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino, (void)size, (void)off, (void)fi;
	if (is("write"))
		fuse_reply_buf(req, NULL, 0);
	else
		say("read");
}

static void write_file(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)ino, (void)buf, (void)off, (void)fi;
	if (is("read") || is("poll"))
		fuse_reply_write(req, size);
	else
		say("write");
}

static void poll_file(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	(void)ino, (void)fi;
	if (ph)
		fuse_pollhandle_destroy(ph);
	if (is("poll"))
		fuse_reply_poll(req, POLLIN | POLLOUT);
	else if (is("deaf"))
		say("read"); /* or would */
	else
		fuse_reply_err(req, ENOSYS);
}

static void control(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
                    const void *in, size_t in_size, size_t out_size)
{
	(void)ino, (void)cmd, (void)arg, (void)fi, (void)flags, (void)in, (void)in_size, (void)out_size;
	fuse_reply_err(req, ENOTTY);
}

int main(int argc, char **argv)
{
	static char *options[] = {"hang_fs", "-o", "allow_other", NULL};
	static const struct fuse_lowlevel_ops ops = {
		.lookup = lookup, .getattr = getattr, .setattr = setattr, .open = open_file,
		.read = read_file, .write = write_file, .poll = poll_file, .ioctl = control,
	};
	struct fuse_args args = FUSE_ARGS_INIT(3, options);
	struct fuse_buf buf = {.mem = NULL};

	if (argc != 3)
		return 2;
	what = argv[1];
	struct fuse_session *s = fuse_session_new(&args, &ops, sizeof ops, NULL);
	if (!s || fuse_session_mount(s, argv[2]) != 0)
		return 1;
	say("mounted");
	struct pollfd fds[] = {{0, POLLIN, 0}, {fuse_session_fd(s), POLLIN, 0}};
	while (!fuse_session_exited(s) && poll(fds, 2, -1) > 0 && !fds[0].revents)
		if (fds[1].revents && fuse_session_receive_buf(s, &buf) > 0)
			fuse_session_process_buf(s, &buf);
	fuse_session_unmount(s);
	fuse_session_destroy(s);
	return 0;
}
