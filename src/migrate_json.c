// SPDX-License-Identifier: GPL-2.0-only
/*
 * migrate_json.c - `migrate` for programs (migrate_show.h): one object, which
 * fdpin-trace-migrate.schema.json describes.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "migrate_show.h"
#include "util.h"

#define DOC_VERSION 1 /* one more when a key changes its meaning or goes away */

typedef struct json_object json;

static json *text(const char *s)
{
	return json_object_new_string(s);
}

static const char *known_word(enum known is)
{
	return is == KNOWN_YES ? "yes" : is == KNOWN_NO ? "no" : "unknown";
}

static json *host(const struct migrate_host *h)
{
	json *obj = json_object_new_object();

	json_add(obj, "iommufd", text(known_word(h->doctor.checks[CHECK_iommufd].answer)));
	json_add(obj, "cdev", text(known_word(h->cdev)));
	json_add(obj, "map_file", text(known_word(h->doctor.checks[CHECK_map_file].answer)));
	json_add(obj, "change_process", text(known_word(h->doctor.checks[CHECK_change_process].answer)));
	json_add(obj, "accounting", text(known_word(h->doctor.checks[CHECK_accounting].answer)));
	json_add(obj, "can_follow", text(known_word(migrate_host_can(h))));
	return obj;
}

static json *call(const struct migrate_piece *p)
{
	const struct migrate_call *c = &p->call;
	json *obj;

	if (!c->there)
		return NULL;
	obj = json_object_new_object();
	json_add(obj, "ioctl", text("IOMMU_IOAS_MAP_FILE"));
	json_add(obj, "flags", json_hex(c->flags));
	json_add(obj, "tgid", c->tgid ? json_object_new_int64(c->tgid) : NULL);
	json_add(obj, "fd", c->tgid ? json_object_new_int(c->fd) : NULL);
	json_add(obj, "start", json_object_new_uint64(p->start));
	json_add(obj, "length", json_object_new_uint64(p->size));
	json_add(obj, "iova", json_hex(p->iova));
	json_add(obj, "errno", c->errnum ? text(strerrorname_np(c->errnum)) : NULL);
	return obj;
}

static json *piece(const struct migrate *g, const struct migrate_piece *p)
{
	json *obj = json_object_new_object();
	const struct ev_memory *mem = p->mem;

	json_add(obj, "ioas", p->range->ioas ? json_object_new_int64(p->range->ioas) : NULL);
	json_add(obj, "iova", json_hex(p->iova));
	json_add(obj, "size", json_object_new_uint64(p->size));
	json_add(obj, "backing", mem && mem->backing != BACKING_UNKNOWN ? json_value_name(KIND_BACKING, mem->backing) : NULL);
	json_add(obj, "path", mem && *mem->path ? json_text(mem->path, sizeof(mem->path)) : NULL);
	json_add(obj, "why", text(migrate_why_ids[p->why]));
	json_add(obj, "refuses", json_object_new_boolean(g->change == CHANGE_NO && p->refuses));
	json_add(obj, "call", call(p));
	return obj;
}

static json *owners(const struct model *m, const struct migrate *g)
{
	json *list = json_object_new_array();
	struct tgids tgids = {};

	for_each_owner(m, g->container, OWNER_HOLDS | OWNER_MEMORY, tgids_add, &tgids);
	tgids_sort(&tgids);
	for (size_t i = 0; i < tgids.n; i++)
		json_object_array_add(list, json_object_new_int64(tgids.v[i]));
	free(tgids.v);
	return list;
}

static json *container(const struct model *m, const struct migrate *g)
{
	static const char *const changes[] = {
		[CHANGE_YES] = "yes", [CHANGE_NO] = "no", [CHANGE_NO_CALL] = "no-call", [CHANGE_NOT_KNOWN] = "cannot-tell"
	};
	const struct ev_container *note = NOTE_OF(g->container, container);
	json *obj = json_object_new_object(), *pieces = json_object_new_array();
	char id[ID_NAME_MAX];

	for (size_t i = 0; i < g->n; i++)
		json_object_array_add(pieces, piece(g, &g->v[i]));
	json_add(obj, "id", text(id_name(OBJ_CONTAINER, g->container->id, id)));
	json_add(obj, "type", note && container_type(note) ? text(container_type(note)) : NULL);
	json_add(obj, "tgids", owners(m, g));
	json_add(obj, "ready", text(answer_name(migrate_ready(g))));
	json_add(obj, "change_process", text(changes[g->change]));
	json_add(obj, "partial", json_object_new_boolean(g->partial));
	json_add(obj, "pieces", pieces);
	return obj;
}

static void add_gap(void *list, const struct ev_gap *gap)
{
	json *obj = json_object_new_object();

	json_add(obj, "what", json_text(gap->what, sizeof(gap->what)));
	json_add(obj, "why", json_text(gap->why, sizeof(gap->why)));
	json_object_array_add(list, obj);
}

int migrate_json(struct output *o, const struct view *v, const struct migrate_host *h, const struct migrate_list *list)
{
	json *doc = json_object_new_object(), *schema = json_object_new_object();
	json *gaps = json_object_new_array(), *containers = json_object_new_array();
	int err;

	json_add(schema, "name", text("fdpin-trace/migrate"));
	json_add(schema, "version", json_object_new_int(DOC_VERSION));
	for_each_gap(v, add_gap, gaps);
	for (size_t i = 0; i < list->n; i++)
		json_object_array_add(containers, container(v->model, &list->v[i]));
	json_add(doc, "schema", schema);
	json_add(doc, "complete", json_object_new_boolean(model_complete(v->model)));
	json_add(doc, "gaps", gaps);
	json_add(doc, "host", host(h));
	json_add(doc, "ready", text(answer_name(migrate_all_ready(v, list))));
	json_add(doc, "containers", containers);
	err = json_print(o, doc);
	json_object_put(doc);
	fputc('\n', o->f);
	return err;
}
