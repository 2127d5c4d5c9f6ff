from base/busybox:1 as base
run echo lower >/out
Env Mixed=Yes
FROM base
copy --from=base /out /out2
