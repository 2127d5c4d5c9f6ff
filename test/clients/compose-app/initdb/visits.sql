CREATE TABLE visits (id serial PRIMARY KEY, host text NOT NULL, at timestamptz NOT NULL DEFAULT now());
