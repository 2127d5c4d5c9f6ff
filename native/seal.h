#ifndef KOBAKO_SEAL_H
#define KOBAKO_SEAL_H
#include "sys.h"
long seal_self(char **argv, char **envp);
#endif
