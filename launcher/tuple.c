/*
 * tuple.c - the session's capabilities, in the child. The rules of child.c hold.
 */
#define _GNU_SOURCE
#include "child.h"
#include "sets.h"

#include <sys/prctl.h>
#include <unistd.h>

static void check_within(const struct child_spec *s, int step, uint64_t most, uint64_t asked)
{
	if (asked & ~most) {
		child_tell(s, step, 0, most, asked);
		_exit(1);
	}
}

/* Narrows the grant if the caller has asked for less. The grant is what pam_end and the
 * rule give; only here is it known for every rule and module. */
static void narrow(const struct child_spec *s, uint64_t *inh, uint64_t *amb, uint64_t *blocked)
{
	if (s->narrowed) {
		check_within(s, CHILD_BEYOND_INHERITABLE, *inh, s->narrow_i);
		check_within(s, CHILD_BEYOND_AMBIENT, *amb, s->narrow_a);
		check_within(s, CHILD_BEYOND_BOUNDING, s->narrow_b, *blocked);
		*inh = s->narrow_i;
		*amb = s->narrow_a;
		*blocked = s->narrow_b;
	}
	*inh &= ~s->dropped;
	*amb &= ~s->dropped;
}

/* Sets the tuple in the only order that works. Every step needs CAP_SETPCAP. Ambient needs
 * Inheritable, and Inheritable cannot exceed the bounding set, which is cut last. */
void child_apply_tuple(const struct child_spec *s, struct sets *tuple, uint64_t *amb, uint64_t *bnd)
{
	uint64_t blocked = s->blocked;
	struct sets c;

	if (sets_read(&c) < 0)
		child_fail(s, CHILD_RAISE);
	c.e = c.p;
	if (sets_apply(c) < 0)
		child_fail(s, CHILD_RAISE);
	tuple->i = s->decided ? s->inheritable : c.i | s->passed;
	*amb = s->decided ? s->ambient : sets_ambient();
	narrow(s, &tuple->i, amb, &blocked);
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 && prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) != 0)
		child_fail(s, CHILD_KEEP);
	if (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) != s->securebits && prctl(PR_SET_SECUREBITS, s->securebits, 0, 0, 0) < 0)
		child_fail(s, CHILD_SECUREBITS);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		child_fail(s, CHILD_AMBIENT);
	c.i = tuple->i;
	if (sets_apply(c) < 0)
		child_fail(s, CHILD_INHERITABLE);
	if (sets_raise_ambient(*amb) < 0)
		child_fail(s, CHILD_AMBIENT);
	*bnd = sets_bounding();
	for (int n = 0; n <= LAST; n++)
		if (*bnd & blocked & BIT(n) && prctl(PR_CAPBSET_DROP, n, 0, 0, 0) < 0)
			child_fail(s, CHILD_BOUNDING);
	*bnd &= ~blocked;
	/* From here on nothing is effective: the child enters the home directory and
	 * executes the shell with the target's rights. */
	tuple->e = 0;
	tuple->p = *amb;
	if (sets_apply(*tuple) < 0)
		child_fail(s, CHILD_PERMITTED);
}
