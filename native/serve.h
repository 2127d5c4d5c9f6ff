#ifndef KOBAKO_SERVE_H
#define KOBAKO_SERVE_H
#include "sys.h"
int serve_main(int channel, const char *path);
#endif
