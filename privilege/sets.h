/* sets.h - the capability sets of the calling thread; bit n is capability n. */
#ifndef CAPSU_SETS_H
#define CAPSU_SETS_H

#include <stdint.h>

#define LAST 63 /* the last bit of a set; the kernel's last capability is below it */
#define BIT(n) (1ULL << (n))

struct sets { uint64_t e, p, i; };

/* sets_apply is capset(2), sets_read capget(2). 0, or -1 with errno. */
int sets_apply(struct sets c);
int sets_read(struct sets *c);

/* sets_effective sets Effective to the part of e that is permitted. -1 with errno. */
int sets_effective(uint64_t e);

/* sets_ambient and sets_bounding return the set. */
uint64_t sets_ambient(void);
uint64_t sets_bounding(void);

/* sets_bound reduces Bounding to keep, which needs CAP_SETPCAP. -1 with errno. */
int sets_bound(uint64_t keep);

/* sets_raise_ambient adds set to Ambient. -1 with errno at the first that fails. */
int sets_raise_ambient(uint64_t set);

#endif
