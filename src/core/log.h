/* SPDX-License-Identifier: ISC */
#ifndef BERTH_CORE_LOG_H
#define BERTH_CORE_LOG_H

/*
 * One line per event: time level area: text key=value...
 *
 *	log_info("exec", "started", KV_STR("id", id), KV_INT("pid", pid));
 *
 * Values are made visible and quoted.  Secrets and argv are never values.
 */

#include <stdint.h>

enum log_level { LOG_LVL_ERROR, LOG_LVL_WARN, LOG_LVL_INFO, LOG_LVL_DEBUG };

struct log_kv {
	const char *key;
	const char *text; /* NULL: the number counts */
	int64_t number;
};

/* A value that is not there is empty. */
static inline const char *
log_text(const char *text)
{
	return text ? text : "";
}

#define KV_STR(k, v)                                                           \
	(struct log_kv)                                                        \
	{                                                                      \
		.key = (k), .text = log_text(v)                                \
	}
#define KV_INT(k, v)                                                           \
	(struct log_kv)                                                        \
	{                                                                      \
		.key = (k), .number = (int64_t)(v)                             \
	}
#define KV_ERR(e) KV_STR("error", (e)->msg)

void log_init(int fd, enum log_level max);
enum log_level log_max_level(void);

/* `kv' ends with a row without key. */
void log_write(enum log_level level, const char *area, const char *text,
	       const struct log_kv *kv);

#define log_at(level, area, text, ...)                                         \
	do {                                                                   \
		if ((level) <= log_max_level())                                \
			log_write(level, area, text,                           \
				  (const struct log_kv[]){                     \
				      __VA_ARGS__ __VA_OPT__(, ){ 0 } });      \
	} while (0)

#define log_error(...) log_at(LOG_LVL_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LVL_DEBUG, __VA_ARGS__)

#endif
