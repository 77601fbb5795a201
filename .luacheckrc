std = "lua54"
max_line_length = 120
exclude_files = { "**/node_modules" }

-- What Prosody gives a module.
for _, path in ipairs({ "lua/", "mod_mep.lua", "examples/modules/" }) do
	files[path].read_globals = { "prosody" }
	files[path].globals = { "module" }
end
files["spec/"].std = "lua54+busted"
-- Prosody's configuration files are Lua that calls what is not defined.
files["**/*.cfg.lua"].std = "none"
files["**/*.cfg.lua"].ignore = { "11" }
