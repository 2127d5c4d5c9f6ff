FROM base/npm:1 AS deps
WORKDIR /app
COPY package.json package-lock.json ./
COPY vendor vendor
RUN --mount=type=cache,target=/root/.npm npm ci --offline --no-audit --no-fund --loglevel=error

FROM deps AS build
COPY tsconfig.json ./
COPY src src
RUN npm run --silent build && node dist/check.js >/checked

FROM base/node:1
ENV NODE_ENV=production
WORKDIR /srv
COPY --from=build --chown=node:node /app/dist ./dist
COPY --from=build /checked /checked
COPY --from=deps /app/node_modules/tiny-greeting ./node_modules/tiny-greeting
USER node
EXPOSE 3000
RUN node -e "import('/srv/dist/server.js').then(m => console.log(m.reply('/x')))" >/tmp/reply
CMD ["node", "dist/server.js"]
