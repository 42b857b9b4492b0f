# What the package's precompilation runs so that generating code is compiled too.

node_text(operation, shape; dtype = "float64", rest...) = Dict{String,Any}(
    "operation" => operation, "shape" => shape, "dtype" => dtype, (String(k) => v for (k, v) in rest)...,
)

"A graph that meets every way of lowering; n is the length of its arrays."
function workload_graph(n::Int)
    array(type, values) = Dict{String,Any}("array" => type, "shape" => [length(values)], "values" => values)
    window(start, stop, step = 1) = Any[Any[start, stop, step]]
    stencil(boundary) = Dict{String,Any}(
        "coefficients" => [1.0, -2.0, 1.0], "offsets" => [-1, 0, 1], "axis" => 0, "boundary" => boundary,
    )
    nodes = Any[
        node_text("input", Int[]; name = "t"),
        node_text("input", [n]; name = "u"),
        node_text("input", [n, n]; name = "weight"),
        node_text("constant", Int[]; value = array("float64", [2.0])),
        node_text("power", [n]; inputs = [1, 3]),
        node_text("reshape", [n, 1]; inputs = [4], attributes = Dict("shape" => [n, 1])),
        node_text("matmul", [n, 1]; inputs = [2, 5]),
        node_text("reshape", [n]; inputs = [6], attributes = Dict("shape" => [n])),
        node_text("tanh", [n]; inputs = [7]),
        node_text("roll", [n]; inputs = [8], attributes = Dict("shift" => 1, "axis" => 0)),
        node_text("less", [n]; inputs = [8, 9], dtype = "bool"),
        node_text("where", [n]; inputs = [10, 8, 1]),
        node_text("sum", Int[]; inputs = [11], attributes = Dict("axes" => [0])),
        node_text("broadcast_to", [n]; inputs = [12], attributes = Dict("shape" => [n])),
        node_text("transpose", [n, n]; inputs = [2], attributes = Dict("axes" => [1, 0])),
        node_text("matmul", [n, 1]; inputs = [14, 5]),
        node_text("sum", [n]; inputs = [2], attributes = Dict("axes" => [0])),
        node_text("stencil", [n]; inputs = [8], attributes = stencil("periodic")),
        node_text("stencil_adjoint", [n]; inputs = [17], attributes = stencil("edge")),
        node_text("slice", [n - 1]; inputs = [13], attributes = Dict("window" => window(0, n - 1))),
        node_text("pad", [n]; inputs = [19], attributes = Dict("window" => window(1, n), "shape" => [n])),
        node_text("gather", [2]; inputs = [20], attributes = Dict("indices" => array("int64", [2, 0]), "axis" => 0)),
        node_text("gather", [10]; inputs = [21],
                  attributes = Dict("indices" => array("int64", repeat([0, 1], 5)), "axis" => 0)),
        node_text("scatter_add", [n]; inputs = [22],
                  attributes = Dict("indices" => array("int64", repeat([1, 0], 5)), "axis" => 0, "size" => n)),
        node_text("multiply", [n]; inputs = [23, 0]),
        node_text("concatenate", [2n]; inputs = [24, 18], attributes = Dict("axis" => 0)),
        node_text("reshape", [1, n]; inputs = [8], attributes = Dict("shape" => [1, n])),
        node_text("matmul", [n, n]; inputs = [15, 26]),
        node_text("amax", Int[]; inputs = [16], attributes = Dict("axes" => [0])),
    ]
    outputs = Any[Any["stacked", 25], Any["weight", 27], Any["largest", 28], Any["sums", 16]]
    return Dict{String,Any}(
        "format" => "unideq-graph", "version" => 1, "nodes" => nodes, "inputs" => [0, 1, 2], "outputs" => outputs,
    )
end

"Convolutions of three channels to two, and the derivative by the kernel: x (3, n), K (2, 3, 3)."
function convolution_graph(n::Int, boundary::String, precision::String)
    nodes = Any[
        node_text("input", [3, n]; name = "x"),
        node_text("input", [2, 3, 3]; name = "kernel"),
        node_text("convolution", [2, n]; inputs = [0, 1],
                  attributes = Dict("boundary" => [boundary], "precision" => precision)),
        node_text("convolution_kernel", [2, 3, 3]; inputs = [0, 2],
                  attributes = Dict("boundary" => [boundary], "size" => [3], "precision" => precision)),
    ]
    outputs = Any[Any["y", 2], Any["gradient", 3]]
    return Dict{String,Any}(
        "format" => "unideq-graph", "version" => 1, "nodes" => nodes, "inputs" => [0, 1], "outputs" => outputs,
    )
end

function run_convolution(n::Int, boundary::String, precision::String = "float64")
    graph = read_graph(JSON.json(convolution_graph(n, boundary, precision)))
    inputs = Dict("x" => Place(:x), "kernel" => Place(:p))
    outputs = Dict("y" => Place(:y), "gradient" => Place(:dp; add = true))
    runner = Runner(compile_kernel(graph, outputs, inputs; fixed = ("kernel",)))
    ports = (; x = sin.(1.0:3n), p = cos.(1.0:18), y = zeros(2n), dp = zeros(18))
    setup!(runner; ports.p)
    run!(runner; ports...)
    return runner, ports
end

"Generate, compile and run small kernels of every kind."
function codegen_workload()
    foreach(precision -> run_convolution(8, "periodic", precision), ("float64", "float32"))
    for (n, mode) in ((3, :scalar), (3, :array), (12, :array))
        graph = read_graph(JSON.json(workload_graph(n)))
        inputs = Dict("t" => Place(:t), "u" => Place(:x), "weight" => Place(:p))
        outputs = Dict(
            "stacked" => Place(:y), "weight" => Place(:dp; add = true),
            "largest" => Place(:dy), "sums" => Place(:dy, 1; add = true),
        )
        runner, p = Runner(compile_kernel(graph, outputs, inputs; fixed = ("weight",), mode)), ones(n * n)
        setup!(runner; p)
        run!(runner, 0.5; x = ones(n), p, y = zeros(2n), dp = zeros(n * n), dy = zeros(1 + n))
    end
end
