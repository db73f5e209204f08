/* SPDX-License-Identifier: ISC */
#ifndef BERTHD_SESSION_REAPER_H
#define BERTHD_SESSION_REAPER_H

/*
 * Sessions that ended long ago are forgotten: their last screen in tmux, and
 * their record.  One whose agent lives is never touched, however long nobody
 * has looked at it.
 */

struct reaper;
struct sessions;

/* Look from time to time; NULL if the configuration wants none of it. */
struct reaper *reaper_new(struct sessions *sessions);

/* Before `sessions' go, after their calls; the loop has to run once more. */
void reaper_free(struct reaper *reaper);

#endif
