-- Lets a checkout of this repository be the module's folder, as in prosody-modules: `make module` puts the module
-- together in target/, and this file loads it from there.

local feature = rawget(_G, "jit") and "luajit" or "lua".._VERSION:match("%d+%.%d+"):gsub("%.", "");
local folder = (feature == "lua54" and "target" or "target/"..feature).."/module/mod_mep/";

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\]") or ".";
local built = io.open(here.."/"..folder.."mod_mep.lua");
if not built then
	error(("mod_mep is not built: run `make module LUA=%s` in %s"):format(feature:gsub("(%d)(%d)", "%1.%2"), here), 0);
end
built:close();

local require_library = module.require;

function module:require(name) -- luacheck: ignore 122
	return require_library(self, folder..name);
end

return module:require "mod_mep";
