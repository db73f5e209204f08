/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_RECORD_H
#define BERTHD_SESSION_RECORD_H

/*
 * What is kept of a session on disk, <state>/session/NAME.json: what was asked
 * for, and which server and boot it was given to.
 *
 * It never says that something runs: a record whose session the server does
 * not know is of one that ended with the server or the machine.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct record {
	char *name;
	char *key;     /* of the request; may be NULL */
	char *profile; /* NULL: a command of its own */
	char **argv;
	char *cwd;
	char *boot_id;
	int64_t created_ns;
	int64_t server; /* pid of the tmux server, and its start time */
	int64_t server_start;
	int64_t agent;	 /* pid of the first process; 0: not known */
	int64_t gone_ns; /* seen first that no server has it; 0: not yet */
};

void record_fini(struct record *record);

/* `dir' is made if need be. */
int record_write(const char *dir, const struct record *record, struct err *err);

/*
 * Write that the tmux server with the pid `server' has just been given what
 * `asked' says; the boot, the time and the start of the server are found here.
 */
int record_write_start(const char *dir, const struct record *asked,
		       int64_t server, struct err *err);

/* ERR_NOT_FOUND: there is none. */
int record_read(const char *dir, const char *name, struct record *ret,
		struct err *err);

/* Absence is no error. */
void record_remove(const char *dir, const char *name);
int record_rename(const char *dir, const char *from, const char *to,
		  struct err *err);

/* All that can be read, by name. */
struct records {
	struct record *items;
	size_t n;
};
void records_read(const char *dir, struct records *ret);
void records_fini(struct records *records);

static inline void
auto_record(struct record *record)
{
	record_fini(record);
}

#define AUTO_RECORD __attribute__((cleanup(auto_record))) struct record

static inline void
auto_records(struct records *records)
{
	records_fini(records);
}

#define AUTO_RECORDS __attribute__((cleanup(auto_records))) struct records

#endif
