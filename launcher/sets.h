/* sets.h - the capability sets of the calling thread; bit n is capability n. */
#ifndef CAPSU_SETS_H
#define CAPSU_SETS_H

#include <stdint.h>
#include <sys/types.h>

#define LAST 63 /* where capability numbers end; the kernel's end sooner */
#define BIT(n) (1ULL << (n))

struct sets { uint64_t e, p, i; };

/* 0, or -1 with errno: capset(2), capget(2). */
int sets_apply(struct sets c);
int sets_read(struct sets *c);

uint64_t sets_ambient(void);
uint64_t sets_bounding(void);

/* Raises each capability of set; -1 with errno at the first that cannot be. */
int sets_raise_ambient(uint64_t set);

/* kill(2) with SIGCONT, CAP_KILL effective meanwhile if it is permitted. */
int sets_continue(pid_t pid);

#endif
