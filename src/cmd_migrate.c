// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_migrate.c - fdpin-trace migrate: whether what is mapped could be mapped
 * from files, what stands in the way, and the calls and options that lead there.
 *
 * Advice is worth something only where it can be followed, so the host is asked
 * first, as doctor does it.
 */
#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sysexits.h>

#include "cmd.h"
#include "log.h"
#include "migrate_show.h"
#include "observe.h"
#include "pager.h"

static struct {
	struct filter filter;
	const char *output;
	bool check;
} args;

static int pick_container(const struct opt *o, const char *arg)
{
	return opts_container(o, arg, &args.filter.container, &args.filter.container_bits);
}

static const struct opt rows[] = {
	HEADING("FILTERING"),
	OPTION_CALL('c', "container", "ID", NULL, pick_container, "only this container (vfio-3c1e)"),
	OPTION(OPT_U32_LIST, 'p', "pid", "LIST", &args.filter.tgids,
	       "only containers that these processes hold, wait for or have memory in"),
	OPTION_CALL(0, "vm", "NAME", &args.filter.vm, opts_pick_name, "only those of this virtual machine"),
	HEADING("OUTPUT"),
	OPTION(OPT_FLAG, 0, "check", NULL, &args.check,
	       "one line and an exit status: 0 another process could take over all that is mapped, 1 not so, 3 unknown"),
	OPTION(OPT_STRING, 'o', "output", "FILE", &args.output, "write there; - is standard output"),
	OPTIONS_END,
};

const struct opts cmd_migrate_opts = {
	.usage = "[OPTIONS]",
	.what = "Says of every mapping whether a file is behind it, whether it could be mapped\n"
		"from that file, and by which call; whether IOMMU_IOAS_CHANGE_PROCESS would\n"
		"succeed now; and which options of QEMU and libvirt lead there. Changes nothing.",
	.examples = "  fdpin-trace migrate\n"
		    "  fdpin-trace migrate --vm db02\n"
		    "  fdpin-trace migrate --check -p 4711\n"
		    "  fdpin-trace migrate -j | jq '.containers[].pieces[] | select(.call)'\n",
	.rows = rows,
};

/* ---- the host --------------------------------------------------------------------- */

/* Devices have files of their own if any has a number. */
static enum known has_cdev(void)
{
	glob_t devices = {}, numbers = {};
	enum known is = NOT_KNOWN;

	if (!glob("/sys/class/vfio-dev/*/dev", 0, NULL, &numbers))
		is = KNOWN_YES;
	else if (!glob("/sys/class/vfio-dev/*", 0, NULL, &devices))
		is = KNOWN_NO;
	globfree(&devices);
	globfree(&numbers);
	return is;
}

static void ask_host(struct migrate_host *h)
{
	static struct facts f;

	facts_gather(&f, false);
	doctor_judge(&h->doctor, &f);
	h->cdev = has_cdev();
}

/* ---- what is there ------------------------------------------------------------------ */

/* Looks once. Returns an exit status. */
static int observe(struct observation *s)
{
	const char *why;
	int r = observation_open(s, "migrate", &why);

	if (r)
		return r;
	r = observation_look(s);
	observation_close(s);
	return r ? EX_OSERR : EX_OK;
}

/* 0 or -ENOMEM; what is in the list then is whole. */
static int collect(struct migrate_list *list, const struct view *v, enum known change_process)
{
	struct backing_index ix = {};
	size_t size = 0;
	int err = 0;

	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c && !err; c = model_next(c, OBJ_CONTAINER)) {
		struct migrate one;

		if (!view_has(v, c))
			continue;
		err = migrate_collect(v->model, c, change_process, &ix, &one);
		if (err)
			break;
		migrate_callers_find(v->model, &one);
		if (array_add(&list->v, &list->n, &size, sizeof(one))) {
			list->v[list->n - 1] = one;
			continue;
		}
		free(one.v);
		err = -ENOMEM;
	}
	backing_free(&ix);
	return err;
}

static void list_free(struct migrate_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].v);
	free(list->v);
}

static int show(struct output *o, const struct view *v, const struct migrate_host *h, const struct migrate_list *list)
{
	struct pager pager;
	int r = 0;

	if (args.check && globals.json == JSON_OFF) {
		migrate_check(o, v, list);
		return 0;
	}
	pager = pager_begin(o);
	if (globals.json == JSON_OFF)
		migrate_text(o, v, h, list);
	else
		r = migrate_json(o, v, h, list);
	pager_end(&pager, o);
	return r;
}

/* Returns an exit status. */
static int migrate(struct output *o, struct observation *s)
{
	static const int statuses[] = { [ANSWER_YES] = 0, [ANSWER_NO] = 1, [ANSWER_CANNOT_TELL] = 3 };
	struct migrate_list list = {};
	struct migrate_host host = {};
	int status = observe(s), r;

	ask_host(&host);
	r = collect(&list, &s->view, host.doctor.checks[CHECK_change_process].answer);
	if (!r && !s->oom)
		r = show(o, &s->view, &host, &list);
	if (r || s->oom) {
		log_error("out of memory");
		status = EX_OSERR;
	} else if (args.check) {
		status = statuses[migrate_all_ready(&s->view, &list)];
	}
	list_free(&list);
	return status;
}

int cmd_migrate(int argc, char **argv)
{
	struct observation s = { .view = { .kind = VIEW_STATUS, .filter = &args.filter } };
	struct output o = {};
	int r = opts_parse(&cmd_migrate_opts, argv[0], argc, argv, NULL);

	if (r)
		return r < 0 ? EX_OK : r;
	s.model = model_new();
	if (!s.model) {
		log_error("out of memory");
		return EX_OSERR;
	}
	s.view.model = s.model;
	if (output_open(&o, args.output)) {
		model_free(s.model);
		return EX_CANTCREAT;
	}
	r = migrate(&o, &s);
	model_free(s.model);
	return output_close(&o, r);
}
