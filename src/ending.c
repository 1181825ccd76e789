// SPDX-License-Identifier: GPL-2.0-only
/*
 * ending.c - is whoever has a container about to let go of it (ending.h).
 *
 * do_exit() gives back the address space, then the table of files, and then, in work
 * of the task, releases each file, the newest first: devices, groups, the container.
 * All ranges are unmapped in the last of these that concerns the container. The ways
 * there, in that order: all threads that use a table with it are exiting; a device in
 * it is being closed by such a thread; it is in no table any more.
 */
#include "ending.h"
#include "waitgraph.h"

/* Nobody comes back from there, so that a look that goes on may say it as well. */
static bool exits(const struct model *m, const struct obj *task)
{
	return task_exiting(task) && task->note_look >= model_last_look(m);
}

/* Tables of living processes keep it. */
static bool tables_end(const struct model *m, const struct obj *c)
{
	for (struct edge *e = edge_out(c, REL_HELD); e; e = edge_out_next(e)) {
		const struct edge *u = edge_in(e->to, REL_USES);

		if (!u)
			return false;
		for (; u; u = edge_in_next(u))
			if (!exits(m, u->from))
				return false;
	}
	return true;
}

static bool device_closes(const struct model *m, const struct obj *c)
{
	for (struct edge *d = edge_in(c, REL_MEMBER); d; d = edge_in_next(d))
		for (struct edge *e = edge_in(d->from, REL_CLOSES); e; e = edge_in_next(e))
			if (exits(m, e->from))
				return true;
	return false;
}

/* Neither in a table, nor found in what a thread is about to release: of what a group or the file itself goes through there is no record. */
static bool is_nowhere(const struct model *m, const struct obj *c)
{
	const struct ev_container *note = NOTE_OF(c, container);

	return note && c->note_look >= model_last_look(m) && !note->has_file;
}

const char *container_ending(const struct model *m, const struct obj *c)
{
	static const char ends[] = "whether they stay pinned: its process is ending, which gives back its address space first and unpins them then";

	if (!c || !model_looks(m))
		return NULL;
	if (device_closes(m, c))
		return ends;
	if (edge_out(c, REL_HELD))
		return tables_end(m, c) ? ends : NULL;
	if (edge_out(c, REL_PENDING))
		return ends;
	return is_nowhere(m, c) ? "whether they stay pinned: its file is in no table, so that it is being released, or on its way to another process" : NULL;
}
