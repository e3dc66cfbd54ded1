"""Every adapter keeps the facts of the shipped suite."""

from adjoint import BAMLAdapter, ChatAdapter, JSONAdapter, TwoStepAdapter, XMLAdapter
from adjoint.adapters.compact import CompactAdapter
from adjoint.adapters.two_step import extraction
from adjoint.testing import ScriptedLM
from adjoint.testing.adapter_suite import AdapterConformance


class TestChat(AdapterConformance):
    adapter = ChatAdapter()


class TestChatWithTheOtherForms(AdapterConformance):
    adapter = ChatAdapter().second


class TestCompact(AdapterConformance):
    adapter = CompactAdapter()


class TestJSON(AdapterConformance):
    adapter = JSONAdapter()


class TestXML(AdapterConformance):
    adapter = XMLAdapter()


class TestBAML(AdapterConformance):
    adapter = BAMLAdapter()


class TestTwoStep(AdapterConformance):
    adapter = TwoStepAdapter(ScriptedLM([]))

    def written(self, signature, outputs):
        """The second model writes what is read."""
        return self.adapter.adapter.prefix(extraction(signature), "", [outputs])[-1].text
