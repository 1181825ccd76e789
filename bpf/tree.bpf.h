/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tree.bpf.h - a walk over a red-black tree of the kernel, without its lock.
 * Who includes it has an unknown_zero.
 */
#ifndef FDPIN_TREE_BPF_H
#define FDPIN_TREE_BPF_H

/*
 * A walk over a red-black tree, in order, one edge per call: down to the left,
 * the node itself, down to the right, up. Nothing about a node is trusted; a
 * stale one can only use up the budget.
 */
struct tree_walk {
	struct rb_node *node, *came_from;
	__u32 n, done;
};

/* True when the walk is at a node it has not been at before. */
static __always_inline bool tree_step(struct tree_walk *w)
{
	struct rb_node *node = w->node, *left, *right, *parent, read = {};
	bool here = false;

	bpf_probe_read_kernel(&read, sizeof(read), node); /* at once: three reads take three times as long */
	left = read.rb_left;
	right = read.rb_right;
	parent = (void *)(read.__rb_parent_color & ~3UL);
	if (w->came_from == parent && left) {
		w->came_from = node;
		w->node = left;
		return false;
	}
	if (w->came_from == parent || w->came_from == left) {
		here = true;
		w->n++;
		if (right) {
			w->came_from = node;
			w->node = right;
			return here;
		}
	}
	if (!parent)
		w->done = 1;
	w->came_from = node;
	w->node = parent;
	return here;
}

static __always_inline void tree_begin(struct tree_walk *w, struct rb_node *root)
{
	w->node = root;
	w->came_from = (void *)unknown_zero;
	w->n = unknown_zero;
	w->done = unknown_zero;
}

#endif
