std = "lua54"
max_line_length = 120
exclude_files = { "**/node_modules" }

-- What Prosody gives a module.
files["lua/"].read_globals = { "prosody" }
files["lua/"].globals = { "module" }
files["spec/"].std = "lua54+busted"
-- Prosody's configuration files are Lua that calls what is not defined.
files["**/*.cfg.lua"].std = "none"
files["**/*.cfg.lua"].ignore = { "11" }
