# How a solve ended: the codes of `STATUS` in `unideq.engine.protocol`.

const SUCCESS = 0
const STEP_LIMIT = 1
const NONFINITE = 2
const STEP_TOO_SMALL = 3
const NO_CONVERGENCE = 4
const FAILED = 5
const ENDLESS = 6

function status_of(code::ReturnCode.T, finite::Bool)
    code in (ReturnCode.Success, ReturnCode.Default) && return finite ? SUCCESS : NONFINITE
    code == ReturnCode.MaxIters && return STEP_LIMIT
    finite || return NONFINITE
    code in (ReturnCode.Unstable, ReturnCode.DtLessThanMin) && return STEP_TOO_SMALL
    code == ReturnCode.DtNaN && return NONFINITE
    code == ReturnCode.ConvergenceFailure && return NO_CONVERGENCE
    return FAILED
end
