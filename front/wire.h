/*
 * wire.h - what goes over the socket between front and monitor, and over the channel
 * of a helper. Each value stands here alone; Go takes them from here, too.
 */
#ifndef CAPSU_WIRE_H
#define CAPSU_WIRE_H

/* What happens to the front, to the monitor: a message of one byte each. The monitor
 * ignores any other. */
enum event {
	EVENT_TERM, EVENT_HUP, EVENT_INT, EVENT_QUIT, EVENT_TSTP, /* signals that a process has sent */
	EVENT_KEY_INT, EVENT_KEY_QUIT, EVENT_KEY_TSTP,            /* that the kernel has sent, for a key */
	EVENT_CONT, EVENT_WINCH,
	EVENT_NOT_STOPPED,                                        /* nobody could have continued the front */
	EVENTS
};

/* What the monitor says, to the front: a message of two bytes, the second what it is about. */
enum order {
	ORDER_STOP,   /* by this signal: SIGTSTP, SIGTTIN or SIGTTOU */
	ORDER_DIE_BY, /* this signal, once the monitor is gone */
	ORDER_END,    /* with this status, once the monitor is gone */
	ORDER_READ,   /* a helper reads a line from this descriptor, into the channel that comes along (SCM_RIGHTS) */
	ORDER_WRITE   /* a helper writes to this descriptor what comes by that channel */
};

/* On the channel of ORDER_READ: a message for each byte of the answer, up to and including
 * the newline. An end without one is a message of two bytes: 0, and an errno or 0. */
enum {
	ANSWER_MAX = 512,   /* bytes: what PAM takes, PAM_MAX_RESP_SIZE */
	HELPER_SLOT = 4096  /* bytes that a helper of ORDER_WRITE takes at once */
};

#endif
