/* SPDX-License-Identifier: ISC */
#ifndef BERTH_LINK_BOOTSTRAP_SCRIPT_H
#define BERTH_LINK_BOOTSTRAP_SCRIPT_H

/* What /bin/sh on the other machine is sent; see bootstrap.sh. */
extern const char bootstrap_script[];

#endif
