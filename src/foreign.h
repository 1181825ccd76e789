/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * foreign.h - records of another version's schema, made ours.
 *
 * A recording says what its records look like (recording.c tells the form).
 * Events and fields are found by name, so that neither their order nor what
 * has been added or taken away since makes it unreadable.
 */
#ifndef FDPIN_FOREIGN_H
#define FDPIN_FOREIGN_H

#include <linux/types.h>
#include <stddef.h>

#define FOREIGN_RECORD_MAX (64 * 1024)
#define FOREIGN_EVENTS_MAX 256 /* their numbers are below it */
#define FOREIGN_FIELDS_MAX 2048
#define FOREIGN_NAME_MAX 31

struct foreign;

/*
 * foreign_new() - read a schema block. 0, -EBADMSG (it is not well-formed),
 * -EPROTO (it is, but its header is none that this version can read), -ENOMEM.
 */
int foreign_new(struct foreign **ret, const void *text, size_t len);
void foreign_free(struct foreign *f); /* accepts NULL */

/* Size of a record of this type, 0 if the schema has none. */
unsigned int foreign_size(const struct foreign *f, unsigned int type);

/*
 * foreign_convert() - a record, of the type's size, as this version has it;
 * valid until the next call. NULL: this version has no such event, or has it
 * otherwise, or a number does not fit: then it is counted.
 */
const void *foreign_convert(struct foreign *f, const void *record);

/* How many were counted so, and the names of their kinds: as many as fit, then "...". size is at least 8. */
__u64 foreign_unknown(const struct foreign *f);
void foreign_unknown_names(const struct foreign *f, char *buf, size_t size);

#endif
