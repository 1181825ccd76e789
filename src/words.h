/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * words.h - what things and edges are called in a finding. Names come from
 * records and are escaped; the result is always a string, cut if it must be.
 */
#ifndef FDPIN_WORDS_H
#define FDPIN_WORDS_H

#include "util.h"
#include "waitgraph.h"

/* Enough for the longest name with every byte escaped: nothing is ever cut within a character. */
#define WORDS_MAX 256
#define EDGE_WORDS_MAX 768

/* Each returns buf. */
const char *task_words(const struct obj *task, char buf[WORDS_MAX]);	 /* qemu-system-x86 [20733] */
const char *hdr_words(const struct fdpin_hdr *h, char buf[WORDS_MAX]);	 /* the same, as it was called then */
const char *work_words(const struct obj *work, char buf[WORDS_MAX]);	 /* work item mdev_work_fn */
const char *wq_words(const struct edge *e, char buf[WORDS_MAX]);	 /* workqueue mdev_wq: the one e is about */
const char *device_words(const struct obj *device, char buf[WORDS_MAX]); /* device 83b8f4f2 */
const char *edge_words(const struct edge *e, char buf[EDGE_WORDS_MAX]);	 /* a sentence */
/* File descriptors of a container in one file table: fd 18, 19 and 3 more. */
const char *fd_words(const struct obj *container, const struct obj *files, char buf[WORDS_MAX]);
/* The lowest such descriptor; false if there is none. */
bool first_fd(const struct obj *container, const struct obj *files, __u32 *ret_fd);
/* What an edge rests on; NULL if there is nothing to add. */
const char *edge_via(const struct edge *e);

#endif
