/*
 * tuple.c - the session's capabilities, in the child; see child.c, whose rules hold here.
 */
#define _GNU_SOURCE
#include "child.h"
#include "sets.h"

#include <sys/prctl.h>
#include <unistd.h>

static void within(const struct child_spec *s, int step, uint64_t most, uint64_t asked)
{
	if (asked & ~most) {
		child_tell(s, step, 0, most, asked);
		_exit(1);
	}
}

/* The grant is what stands after pam_end and the rule: only here is it known
 * for every rule and module. The session takes it, or less. */
static void take(const struct child_spec *s, uint64_t *inh, uint64_t *amb, uint64_t *blocked)
{
	if (s->narrowed) {
		within(s, CHILD_BEYOND_INHERITABLE, *inh, s->narrow_i);
		within(s, CHILD_BEYOND_AMBIENT, *amb, s->narrow_a);
		within(s, CHILD_BEYOND_BOUNDING, s->narrow_b, *blocked);
		*inh = s->narrow_i;
		*amb = s->narrow_a;
		*blocked = s->narrow_b;
	}
	*inh &= ~s->dropped;
	*amb &= ~s->dropped;
}

/* The tuple, in the one order that works: all of it needs setpcap; Ambient
 * needs Inheritable, and Inheritable what the bounding set still has. */
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
	take(s, &tuple->i, amb, &blocked);
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
	/* From here on nothing is effective: the home and the shell are entered
	 * with the target's own rights. */
	tuple->e = 0;
	tuple->p = *amb;
	if (sets_apply(*tuple) < 0)
		child_fail(s, CHILD_PERMITTED);
}
