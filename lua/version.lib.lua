-- The version of these files, which is also that of the core that they need.

return "0.1.0";
