"""Networks that are made wrongly: every kind, every setting."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.nn.MLP(0, 1)  # `inputs` … 0
ude.nn.MLP(-1, 1)  # `inputs` … -1
ude.nn.MLP("2", 1)  # `inputs` … '2'
ude.nn.MLP(True, 1)  # `inputs` … True
ude.nn.MLP([2], 1)  # `inputs` … [2]
ude.nn.MLP((2, 2), 1)  # `inputs` … (2, 2)
ude.nn.MLP(1, 1.5)  # `outputs` … 1.5
ude.nn.MLP(1, None)  # `outputs` … None
ude.nn.MLP(1, (1, 1))  # `outputs` … (1, 1)
ude.nn.MLP(1)  # `outputs`
ude.nn.MLP(1, 1, (0,))  # `hidden` … 0
ude.nn.MLP(1, 1, "8")  # `hidden` … '8'
ude.nn.MLP(1, 1, None)  # `hidden` … None
ude.nn.MLP(1, 1, (8, 2.5))  # `hidden` … 2.5
ude.nn.MLP(1, 1, ((8, 8),))  # `hidden` … (8, 8)
ude.nn.MLP(1, 1, {8})  # `hidden` … {8}
ude.nn.MLP(1, 1, activation="tan")  # `tan` … `tanh`
ude.nn.MLP(1, 1, activation=np.tanh)  # `activation` … tanh
ude.nn.MLP(1, 1, activation=None)  # `activation` … None
ude.nn.MLP(1, 1, activation=["tanh"])  # `activation` … ['tanh']
ude.nn.MLP(1, 1, output_activation="soft")  # `soft` … `softplus`
ude.nn.MLP(1, 1, output_activation=5)  # `output_activation` … 5
ude.nn.MLP(1, 1, input_scale=0.0)  # `input_scale` … 0
ude.nn.MLP(1, 1, input_scale="big")  # `input_scale` … 'big'
ude.nn.MLP(1, 1, input_scale=[1.0, 2.0])  # `input_scale` … [1.0, 2.0]
ude.nn.MLP(1, 1, input_scale=np.nan)  # `input_scale` … nan
ude.nn.MLP(1, 1, input_scale=True)  # `input_scale` … True
ude.nn.MLP(1, 1, input_scale="2")  # `input_scale` … '2'
ude.nn.MLP(1, 1, input_scale=2j)  # `input_scale` … 2j
ude.nn.MLP(1, 1, input_shift=None)  # `input_shift` … None
ude.nn.MLP(1, 1, output_scale=0)  # `output_scale` … 0
ude.nn.MLP(1, 1, output_shift=np.inf)  # `output_shift` … inf
ude.nn.MLP(1, 1, initializer="glorot")  # `glorot` … `glorot_normal`
ude.nn.MLP(1, 1, initializer=5)  # `initializer` … 5
ude.nn.MLP(1, 1, initializer=[])  # `initializer` … []
ude.nn.MLP(1, 1, last_layer_scale="small")  # `last_layer_scale` … 'small'
ude.nn.MLP(1, 1, last_layer_scale=True)  # `last_layer_scale` … True
ude.nn.MLP(1, 1, last_layer_scale=np.nan)  # `last_layer_scale` … nan
ude.nn.MLP(1, 1, last_layer_scale="1")  # `last_layer_scale` … '1'
ude.nn.MLP(1, 1, factorised="yes")  # `factorised` … 'yes'
ude.nn.MLP(1, 1, factorised=1)  # `factorised` … 1
ude.nn.MLP(1, 1, factorised=(1.0, -0.1))  # `factorised` … -0.1
ude.nn.MLP(1, 1, factorised=(1.0,))  # `factorised` … (1.0,)
ude.nn.MLP(1, 1, layers=3)  # `layers`
ude.nn.MLP(1, 1, hiden=(3,))  # `hiden` … `hidden`
ude.nn.ModifiedMLP(1, 1, (8,))  # two hidden layers
ude.nn.ModifiedMLP(1, 1, (8, 9))  # one width
ude.nn.ModifiedMLP(1, 1, ())  # hidden
ude.nn.ModifiedMLP(1, 1, gate_first="yes")  # `gate_first` … True or False … 'yes'
ude.nn.ModifiedMLP(1, 1, encoder_bias="big")  # `encoder_bias` … `big`
ude.nn.ModifiedMLP(1, 1, encoder_bias=None)  # `encoder_bias` … None
ude.nn.ModifiedMLP(1, 0)  # `outputs` … 0
ude.nn.PirateNet(1, 1, hidden=0)  # `hidden` … 0
ude.nn.PirateNet(1, 1, hidden=(8, 8))  # `hidden` … (8, 8)
ude.nn.PirateNet(1, 1, blocks=0)  # `blocks` … 0
ude.nn.PirateNet(1, 1, blocks="3")  # `blocks` … '3'
ude.nn.PirateNet(1, 1, blocks=(3,))  # `blocks` … (3,)
ude.nn.CNN(1, 1, channels=0)  # `channels` … 0
ude.nn.CNN(1, 1, channels="8")  # `channels` … '8'
ude.nn.CNN(1, 1, channels=(8, None))  # `channels` … None
ude.nn.CNN(1, 1, kernel=4)  # odd `kernel` … 4
ude.nn.CNN(1, 1, kernel=(3, 3))  # `kernel` … (3, 3)
ude.nn.CNN(1, 1, kernel=3.5)  # `kernel` … 3.5
ude.nn.CNN(1, 1, dimensions=3)  # `dimensions` … 3
ude.nn.CNN(1, 1, dimensions="1")  # `dimensions` … '1'
ude.nn.CNN(1, 1, dimensions=None)  # `dimensions` … None
ude.nn.CNN(1, 1, boundary="wall")  # `wall` … `periodic`
ude.nn.CNN(1, 1, boundary=5)  # boundary … 5
ude.nn.CNN(1, 1, boundary=("zero", "zero"))  # boundary … ('zero', 'zero')
ude.nn.CNN(1, 1, boundary=())  # boundary … ()
ude.nn.CNN(1, 1, boundary=[["zero"]])  # boundary … ['zero']
ude.nn.ResNet(1, 1, channels=(8, 8))  # `channels` … (8, 8)
ude.nn.ResNet(1, 1, blocks=-1)  # `blocks` … -1
ude.nn.ResNet(1, 1, kernel=2)  # odd `kernel` … 2
ude.nn.FourierFeatures(5, 1)  # network … 5
ude.nn.FourierFeatures(ude.nn.MLP, 1)  # network … MLP
ude.nn.FourierFeatures(ude.nn.MLP(3, 1), 1)  # even number … 3
ude.nn.FourierFeatures(ude.nn.CNN(2, 1), 1)  # network … points
ude.nn.FourierFeatures(ude.nn.MLP(4, 1), 0)  # `inputs` … 0
ude.nn.FourierFeatures(ude.nn.MLP(4, 1), "1")  # `inputs` … '1'
ude.nn.FourierFeatures(ude.nn.MLP(4, 1), 1, scale=-1.0)  # `scale` … -1
ude.nn.FourierFeatures(ude.nn.MLP(4, 1), 1, scale=0.0)  # `scale` … 0
ude.nn.FourierFeatures(ude.nn.MLP(4, 1), 1, scale="a")  # `scale` … 'a'
ude.nn.FourierFeatures(ude.nn.MLP(4, 1), 1, scale=(1.0, 2.0))  # `scale` … (1.0, 2.0)
ude.nn.FourierFeatures(ude.nn.MLP(4, 1), 1, trainable="no")  # `trainable` … True or False … 'no'
ude.nn.FourierFeatures({"kind": "MLB"}, 1)  # `MLB` … `MLP`
ude.nn.Lux(5)  # `Lux` … text … 5
ude.nn.Lux("")  # `Lux` … ''
ude.nn.Lux("Dense(1 => 1)", inputs=-1)  # `inputs` … -1
ude.nn.Lux("Dense(1 => 1)", outputs="1")  # `outputs` … '1'
ude.nn.Lux("Dense(1 => 1)", structure=5)  # structure … 5
ude.nn.Equinox(5)  # `module` … `equinox.Module` … 5
ude.nn.Equinox(None)  # `module` … `equinox.Module` … None
ude.nn.Equinox(lambda key: 5)  # `module` … 5
ude.nn.Equinox(lambda: 5)  # `Equinox` … function
ude.nn.Equinox(ude.nn.MLP(1, 1))  # `module` … MLP
ude.nn.Equinox(lambda key: 5, inputs=-1)  # `inputs` … -1
ude.nn.Equinox("0123", structure=5)  # structure … 5
ude.ODE(lambda t, s, p, net: net.f(s.x, s.x), ["x"], networks={"f": ude.nn.MLP(1, 1)})  # `f` … 1
ude.ODE(lambda t, s, p, net: net.f(), ["x"], networks={"f": ude.nn.MLP(1, 1)})  # `f`
ude.ODE(lambda t, s, p, net: net.f("a"), ["x"], networks={"f": ude.nn.MLP(1, 1)})  # 'a'
ude.ODE(lambda t, s, p, net: net.f(x=s.x), ["x"], networks={"f": ude.nn.MLP(1, 1)})  # `f`
ude.ODE(lambda t, s, p, net: net.f, ["x"], networks={"f": ude.nn.MLP(1, 1)})  # `f`
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
