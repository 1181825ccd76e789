/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * migrate_show.h - what `migrate` has found, as text, as JSON, as one line.
 */
#ifndef FDPIN_MIGRATE_SHOW_H
#define FDPIN_MIGRATE_SHOW_H

#include "doctor.h"
#include "migrate.h"
#include "render.h"

struct migrate_host {
	struct doctor doctor;
	enum known cdev; /* VFIO devices have files of their own */
};

struct migrate_list {
	struct migrate *v;
	size_t n;
};

/* Of all that is shown; if something was asked for and nothing is that, it is not known. */
enum answer migrate_all_ready(const struct view *v, const struct migrate_list *list);
/* Can this host follow the advice? */
enum known migrate_host_can(const struct migrate_host *h);

void migrate_text(struct output *o, const struct view *v, const struct migrate_host *h, const struct migrate_list *list);
/* 0 or -ENOMEM. */
int migrate_json(struct output *o, const struct view *v, const struct migrate_host *h, const struct migrate_list *list);
void migrate_check(struct output *o, const struct view *v, const struct migrate_list *list);

#endif
