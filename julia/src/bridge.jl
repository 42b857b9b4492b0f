# What Python asks besides the programs' own functions.

const NUMERICAL_PACKAGES = r"^(OrdinaryDiffEq\w*|SciMLBase|SciMLSensitivity|LinearSolve|Lux|FFTW|PythonCall)$"

"Versions of the loaded packages that can change a number, as JSON: name to version."
function package_versions()
    loaded = Base.loaded_modules
    named = [key.name => pkgversion(pkg) for (key, pkg) in loaded if occursin(NUMERICAL_PACKAGES, key.name)]
    return JSON.json(Dict(name => string(version) for (name, version) in sort!(named; by = first)))
end
