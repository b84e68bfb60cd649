/*
 * wire.h - the messages on the socket between front and monitor, and on a helper's
 * channel. C and Go both take the values from here.
 */
#ifndef CAPSU_WIRE_H
#define CAPSU_WIRE_H

/* From the front to the monitor: what happens to the front, one byte each. The monitor
 * ignores other values. */
enum event {
	EVENT_TERM, EVENT_HUP, EVENT_INT, EVENT_QUIT, EVENT_TSTP, /* signals sent by a process */
	EVENT_KEY_INT, EVENT_KEY_QUIT, EVENT_KEY_TSTP,            /* signals sent by the kernel, for a key */
	EVENT_CONT, EVENT_WINCH,
	EVENT_NOT_STOPPED,                                        /* the kernel does not stop an orphaned group */
	EVENTS
};

/* From the monitor to the front: two bytes, the order and its argument. ORDER_READ and
 * ORDER_WRITE come with a helper's channel (SCM_RIGHTS). */
enum order {
	ORDER_STOP,   /* stop the process group by this signal: SIGTSTP, SIGTTIN or SIGTTOU */
	ORDER_DIE_BY, /* once the monitor is gone, die by this signal */
	ORDER_END,    /* once the monitor is gone, exit with this status */
	ORDER_READ,   /* have a helper send a line from this descriptor into the channel */
	ORDER_WRITE   /* have a helper write to this descriptor what comes by the channel */
};

/* On the channel of ORDER_READ the answer is one message per byte, with the newline. If it
 * ends without a newline, a message of two bytes follows: 0, and an errno or 0. */
enum {
	ANSWER_MAX = 512,   /* bytes that PAM takes, PAM_MAX_RESP_SIZE */
	HELPER_SLOT = 4096  /* bytes in a message of ORDER_WRITE's channel, at most */
};

#endif
