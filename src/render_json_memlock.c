// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_json_memlock.c - format "json": what RLIMIT_MEMLOCK must be, in bytes.
 */
#include <json-c/json.h>

#include "memlock.h"
#include "render.h"

static struct json_object *bytes(const struct pages *p, bool counted)
{
	return p->unknown || !counted ? NULL : json_object_new_uint64(p->n * PAGE_BYTES);
}

static struct json_object *limit(__u64 v)
{
	return v == ~0ULL ? NULL : json_object_new_uint64(v);
}

static struct json_object *need(const struct view *v, const struct memlock_need *n)
{
	static const char *const counters[] = { [MEMLOCK_MM] = "mm", [MEMLOCK_USER] = "user", [MEMLOCK_NONE] = "none" };
	const struct memlock_peak *peak = v->peaks ? memlock_peak_find(v->peaks, n) : NULL;
	const bool counted = n->counter < MEMLOCK_NONE;
	const struct pages other = memlock_other(n);
	struct json_object *obj = json_object_new_object();
	char mm[ID_NAME_MAX];

	json_add(obj, "tgid", json_object_new_int64(n->process->h.tgid));
	json_add(obj, "comm", json_text(n->process->h.comm, sizeof(n->process->h.comm)));
	json_add(obj, "mm", json_object_new_string(id_name(OBJ_MM, n->mm, mm)));
	json_add(obj, "counter", n->counter == MEMLOCK_NOT_KNOWN ? NULL : json_object_new_string(counters[n->counter]));
	json_add(obj, "uid", json_object_new_int64(n->process->uid));
	json_add(obj, "units", json_object_new_int64(n->units));
	json_add(obj, "memlock_soft", limit(n->process->soft));
	json_add(obj, "memlock_hard", limit(n->process->hard));
	json_add(obj, "cap_ipc_lock", json_object_new_boolean(n->process->ipc_lock));
	json_add(obj, "now_bytes", bytes(&n->now, counted));
	json_add(obj, "own_bytes", bytes(&n->own, counted));
	json_add(obj, "other_bytes", bytes(&other, counted));
	json_add(obj, "shared_bytes", bytes(&n->shared, counted));
	json_add(obj, "separate_bytes", bytes(&n->separate, counted));
	json_add(obj, "peak_bytes", peak && counted ? json_object_new_uint64(peak->pages * PAGE_BYTES) : NULL);
	return obj;
}

struct json_object *json_memlock(const struct view *v)
{
	struct json_object *list;
	struct memlock m = {};

	if (memlock_collect(v->model, &m))
		return NULL;
	list = json_object_new_array();
	for (size_t i = 0; i < m.n; i++)
		if (view_has_mm(v, model_find(v->model, OBJ_MM, m.v[i].mm)))
			json_object_array_add(list, need(v, &m.v[i]));
	free(m.v);
	return list;
}
