/* SPDX-License-Identifier: ISC */

/*
 * The other machine's half, bootstrap.sh without its comments: the build makes
 * a string of it.
 */

#include "link/bootstrap_script.h"

const char bootstrap_script[] =
#include "link/bootstrap.sh.inc"
    ;
