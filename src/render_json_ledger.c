// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_json_ledger.c - format "json": the ledger of a report, that is its
 * accounts and the times in which nobody was charged.
 */
#include <errno.h>
#include <json-c/json.h>

#include "ledger.h"
#include "render.h"

static struct json_object *name(enum obj_kind kind, __u64 id)
{
	char buf[ID_NAME_MAX];

	return id ? json_object_new_string(id_name(kind, id, buf)) : NULL;
}

/* Is the container among those that are shown? One that is gone is, unless something was asked for. */
static bool shown(const struct view *v, __u64 container)
{
	const struct obj *c = model_find(v->model, OBJ_CONTAINER, container);

	return c ? !filter_set(v->filter) || view_has(v, c) : !filter_set(v->filter);
}

static struct json_object *account(const struct ledger_account *a)
{
	struct json_object *obj = json_object_new_object();

	json_add(obj, "container", name(OBJ_CONTAINER, a->key.container));
	json_add(obj, "mm", name(OBJ_MM, a->key.mm));
	json_add(obj, "user", name(OBJ_USER, a->user));
	json_add(obj, "account", json_value_name(KIND_ACCOUNT, a->key.way));
	json_add(obj, "older_pages", json_object_new_int64(a->older));
	json_add(obj, "charged_pages", json_object_new_int64(a->charged));
	json_add(obj, "credited_pages", json_object_new_int64(a->credited));
	json_add(obj, "balance_pages", json_object_new_int64(account_balance(a)));
	json_add(obj, "gone_ts_ns", a->gone_ns ? json_object_new_uint64(a->gone_ns) : NULL);
	json_add(obj, "certain", json_object_new_boolean(!a->unsure));
	return obj;
}

static struct json_object *uncharged(const struct uncharged *u, __u64 now)
{
	const struct fdpin_hdr *h = u->exec ?: u->gone;
	struct json_object *obj = json_object_new_object();

	json_add(obj, "container", name(OBJ_CONTAINER, u->container));
	json_add(obj, "mm", name(OBJ_MM, u->mm));
	json_add(obj, "pages", json_object_new_int64(u->pages));
	json_add(obj, "left_pages", json_object_new_int64(u->left));
	json_add(obj, "since_ts_ns", json_object_new_uint64(u->since_ns));
	json_add(obj, "until_ts_ns", u->until_ns ? json_object_new_uint64(u->until_ns) : NULL);
	json_add(obj, "ns", json_object_new_uint64((u->until_ns ?: now) - u->since_ns));
	json_add(obj, "by", json_object_new_string(u->exec ? "exec" : "exit"));
	json_add(obj, "tgid", json_object_new_int64(h->tgid));
	json_add(obj, "comm", json_text(h->comm, sizeof(h->comm)));
	return obj;
}

struct json_object *json_ledger(const struct view *v)
{
	const struct ledger *l = model_ledger(v->model);
	struct json_object *obj = json_object_new_object(), *accounts = json_object_new_array(), *windows = json_object_new_array();

	for (const struct ledger_account *a = l->accounts; a; a = a->hh.next)
		if (shown(v, a->key.container))
			json_object_array_add(accounts, account(a));
	for (const struct uncharged *u = l->uncharged; u; u = u->next)
		if (uncharged_counts(u, model_now(v->model)) && shown(v, u->container))
			json_object_array_add(windows, uncharged(u, model_now(v->model)));
	json_add(obj, "watched", json_object_new_boolean(model_has_charges(v->model)));
	json_add(obj, "accounts", accounts);
	json_add(obj, "uncharged", windows);
	return obj;
}
