/* sets.h - the capability sets of the calling thread; bit n is capability n. */
#ifndef CAPSU_SETS_H
#define CAPSU_SETS_H

#include <stdint.h>

#define LAST 63 /* where capability numbers end; the kernel's end sooner */
#define BIT(n) (1ULL << (n))

struct sets { uint64_t e, p, i; };

/* 0, or -1 with errno: capset(2), capget(2). */
int sets_apply(struct sets c);
int sets_read(struct sets *c);

/* Sets Effective alone, to what of e is permitted; -1 with errno. */
int sets_effective(uint64_t e);

uint64_t sets_ambient(void);
uint64_t sets_bounding(void);

/* Drops from Bounding what is not in keep; -1 with errno. It needs CAP_SETPCAP. */
int sets_bound(uint64_t keep);

/* Raises each capability of set; -1 with errno at the first that cannot be. */
int sets_raise_ambient(uint64_t set);

#endif
