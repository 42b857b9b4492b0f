# The other end of `_peers.Peer` in Julia: answers requests, one JSON line each, until the input ends.

using JSON

const ANSWERS = stdout
redirect_stdout(stderr)  # what packages print must not come between the answers

"A competitor: `make()` gives a function without arguments to be timed, and what it found."
struct Entrant
    name::String
    make::Any
end

"`prepare(problem)` gives the `Entrant`s of a problem."
function serve(prepare)
    calls = Dict{String,Any}()
    for line in eachline(stdin)
        request = JSON.parse(line)
        answer = try
            if request["do"] == "prepare"
                prepared(Base.invokelatest(prepare, request["problem"]), calls)
            elseif request["do"] == "versions"
                Dict("versions" => versions())
            else
                call = calls[request["name"]]
                Dict("seconds" => Base.invokelatest(seconds_per_call, call, Int(request["calls"])))
            end
        catch error
            Dict("error" => message(error))
        end
        println(ANSWERS, JSON.json(answer))
        flush(ANSWERS)
    end
end

function prepared(entrants, calls)
    ready, failed = Dict{String,Any}(), Dict{String,Any}()
    for entrant in entrants
        try
            start = time_ns()
            call, facts = Base.invokelatest(entrant.make)
            calls[entrant.name] = call
            ready[entrant.name] = merge(Dict{String,Any}("first_s" => 1e-9 * (time_ns() - start)), facts)
        catch error
            failed[entrant.name] = message(error)
        end
    end
    return Dict("ready" => ready, "failed" => failed)
end

function seconds_per_call(call, calls)
    start = time_ns()
    for _ in 1:calls
        Base.donotdelete(call())
    end
    return 1e-9 * (time_ns() - start) / calls
end

const TOLD = ("SciMLSensitivity", "SciMLBase", "Lux", "Zygote", "ReverseDiff", "StaticArrays", "Unideq")

"Versions of Julia and of the packages that matter, as far as they are loaded."
function versions()
    found = Dict("julia" => string(VERSION))
    for (id, loaded) in Base.loaded_modules
        (occursin(r"^OrdinaryDiffEq(?!.*Ext$)", id.name) || id.name in TOLD) && (found[id.name] = string(pkgversion(loaded)))
    end
    return found
end

message(error) = first(join(split(sprint(showerror, error)), " "), 300)

"Rows of a JSON array of arrays as the columns of a matrix."
columns(rows) = reduce(hcat, [Float64.(row) for row in rows])
