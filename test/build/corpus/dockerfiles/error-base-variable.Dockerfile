FROM $nothing
RUN true
