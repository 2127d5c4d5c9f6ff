FROM base/busybox:1
RUN --mount=type=tmpfs,target=/scratch,size=1m df -k /scratch | awk 'NR==2 {print $2}' >/size; touch /scratch/x; stat -f -c %T /scratch >/kind
RUN ls /scratch | wc -l >/after
